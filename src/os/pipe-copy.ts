import { CopyError, type LimitedReader } from '../io/index.ts';
import { splice } from '../net/splice.ts';
import type { FD } from '../poll/index.ts';
import type { OpenFile } from './open-file.ts';
import type { PipeStream } from './pipe-stream.ts';

/** The pipe behind `file`, for one side of a copy; null: bytes go through memory. Rejects with CopyError. */
export async function pipeBehind(file: OpenFile, side: 'read' | 'write'): Promise<PipeStream | null> {
  try {
    // Writes that came before go before.
    await file.lock.take('copy', file.path, undefined);
    try {
      return await file.pipe(side);
    } finally {
      file.lock.give();
    }
  } catch (error) {
    throw new CopyError(file.error(side, error), 0, side);
  }
}

/** What comes out of `pipe`, to its end or to the limit, to a connection or another pipe. */
export async function copyFromPipe(
  pipe: PipeStream,
  to: FD,
  limited: LimitedReader | null,
  loop: () => Promise<number>,
): Promise<number> {
  if (pipe.ended) return 0;
  const copied = await splice(pipe.fd, to, limited, loop);
  if (limited === null || limited.remaining > 0) pipe.end();
  return copied;
}
