import { constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pathError } from './errors.ts';
import { File } from './file.ts';
import { fileLane } from './lanes.ts';
import { checkMode, type OpenFlags, openFlags } from './open-flags.ts';
import type { Work } from './pool.ts';
import type { FileCallOptions } from './waiting.ts';

/** A FIFO without a peer must not hold a thread; for regular files it means nothing. Windows has none. */
const NONBLOCK = constants.O_NONBLOCK ?? 0;

/** A path as an error shows it. */
export function pathText(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : path;
}

/**
 * Opens a file. Go: `os.OpenFile`.
 *
 * @param flags how; see OpenFlags. The descriptor is closed in child processes.
 * @param mode permission bits of a file that is created, less the process's umask.
 * @param options.signal ends the wait; a descriptor that comes later is closed.
 * @throws PathError as a rejection: ENOENT, EACCES, EEXIST, EISDIR (a directory, to write), EMFILE, ...; a
 * directory can be opened to read, but reading it fails with EISDIR.
 *
 * @example
 * ```ts
 * import { writeString } from 'gopark/io';
 * import { open } from 'gopark/os';
 *
 * await using log = await open('app.log', 'a', 0o600);
 * await writeString(log, 'started\n');
 * await log.sync();
 * ```
 */
export async function open(
  path: string | URL,
  flags: OpenFlags = 'r',
  mode = 0o666,
  options?: FileCallOptions,
): Promise<File> {
  return openNamed(path, pathText(path), flags, mode, options?.signal);
}

/** The same for a file that calls itself `name`. */
export async function openNamed(
  path: string | URL,
  name: string,
  flags: OpenFlags,
  mode: number,
  signal: AbortSignal | undefined,
): Promise<File> {
  const bits = openFlags(flags);
  checkMode(mode);
  const lane = fileLane();
  const { engine, pool } = lane;
  const work: Work<number> = (done) => engine.open(path, bits | NONBLOCK, mode, done);
  try {
    const late = (descriptor: number) => {
      // Whoever wanted it has left: nobody is there to be told that closing it failed.
      pool.run<void>('close', name, (done) => engine.close(descriptor, done)).catch(() => {});
    };
    const fd = await pool.run<number>('open', name, work, {
      signal,
      abandonable: true,
      late,
      opens: true,
    });
    return new File(name, fd, bits, false, lane);
  } catch (error) {
    throw pathError(error, { op: 'open', path: name });
  }
}
