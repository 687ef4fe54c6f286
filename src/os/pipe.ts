import { closeSync, constants, openSync } from 'node:fs';
import { findNative } from '../poll/drivers/epoll/native.ts';
import { errnoMessage, errnoName } from '../poll/index.ts';
import { PathError, pathError } from './errors.ts';
import { File } from './file.ts';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/**
 * A pipe of the system: what is written to the second file is read from the first, in other processes too. A reader
 * parks until something comes, a writer while the pipe is full (64 KiB, usually). The end is read when every writing end
 * is closed, here and in the children that were given it; a write when nobody can read any more fails with `EPIPE`.
 * Both are the caller's to close. A child process that gets an end by its `fd` reads or writes as it is used to: the end
 * is made blocking for it, so close it here then. For what stays within one thread there is `pipe` of `gopark/io`.
 * Go: `os.Pipe`.
 *
 * @throws PathError: `EMFILE`...; `ERR_UNSUPPORTED` where gopark's native part does not run.
 *
 * @example
 * ```ts
 * import { spawn } from 'node:child_process';
 * import { copy } from 'gopark/io';
 * import { pipe, stdout } from 'gopark/os';
 *
 * const [reader, writer] = pipe();
 * spawn('date', { stdio: ['ignore', writer.fd, 'inherit'] });
 * await writer.close();
 * await copy(stdout, reader);
 * await reader.close();
 * ```
 */
export function pipe(): [reader: File, writer: File] {
  const details = { op: 'pipe', path: '|' };
  const found = findNative();
  if ('why' in found) throw new PathError('ERR_UNSUPPORTED', found.why, details);
  const ends: number[] = [];
  let errno: number;
  try {
    errno = found.native.openPipe((reader, writer) => {
      // Opened by Node, who closes what a worker leaves behind.
      ends.push(openSync(`/proc/self/fd/${reader}`, O_RDONLY | O_NONBLOCK));
      ends.push(openSync(`/proc/self/fd/${writer}`, O_WRONLY | O_NONBLOCK));
    });
  } catch (error) {
    for (const end of ends) closeSync(end);
    throw pathError(error, details);
  }
  if (errno !== 0) {
    throw new PathError(errnoName(-errno), errnoMessage(-errno), { ...details, errno, syscall: 'pipe2' });
  }
  const [reader, writer] = ends as [number, number];
  return [new File('|0', reader, O_RDONLY), new File('|1', writer, O_WRONLY)];
}
