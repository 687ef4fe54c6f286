import { resolvedCount, resolvedNull } from '../io/resolved.ts';
import { readCached } from './cached-read.ts';
import { PathError } from './errors.ts';
import type { FileWork, OpenFile, Stream } from './open-file.ts';

/** The most bytes of one operation where they go through memory of the pool's. */
const LARGEST_BOUNCE = 256 * 1024;

/** Reads at the position and moves it: a count, or null at the end. */
export function readNext(
  file: OpenFile,
  p: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  if (file.stream !== null) return file.stream.read(p, signal);
  if (!file.lock.held && !file.inherited && file.position !== null && !signal?.aborted) {
    const n = readCached(file, p, 0, file.position);
    if (n >= 0) {
      file.position += n;
      return known(n);
    }
  }
  return readInTurn(file, p, signal);
}

async function readInTurn(
  file: OpenFile,
  p: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  await file.lock.take('read', file.path, signal);
  let stream: Stream | null;
  try {
    if (file.inherited) file.lookAtInherited('read');
    stream = file.stream;
    if (stream === null) {
      const position = file.inherited ? null : await file.current('read');
      const n = await readPiece(file, 'read', p, 0, position, signal);
      file.position = (position ?? 0) + n;
      return n === 0 ? null : n;
    }
  } catch (error) {
    stream = file.streamAfter(error);
    if (stream === null) throw file.error('read', error, {}, signal);
  } finally {
    file.lock.give();
  }
  return stream.read(p, signal);
}

/** Fills `p` from `offset` on as far as the file goes: a count, or null at the end. */
export function readFrom(
  file: OpenFile,
  p: Uint8Array,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  if (!signal?.aborted) {
    const n = readCached(file, p, 0, offset);
    if (n === 0 || n === p.length) return known(n);
    if (n > 0) return readRest(file, p, n, offset, signal);
  }
  return readRest(file, p, 0, offset, signal);
}

async function readRest(
  file: OpenFile,
  p: Uint8Array,
  before: number,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  let bytesRead = before;
  try {
    while (bytesRead < p.length) {
      const n = await readPiece(file, 'readAt', p, bytesRead, offset + bytesRead, signal);
      if (n === 0) break;
      bytesRead += n;
    }
  } catch (error) {
    throw file.error('readAt', error, { bytesRead }, signal);
  }
  return bytesRead === 0 ? null : bytesRead;
}

/** The answer to a read that took no thread. */
function known(n: number): Promise<number | null> {
  return n === 0 ? resolvedNull : resolvedCount(n);
}

async function readPiece(
  file: OpenFile,
  op: string,
  p: Uint8Array,
  from: number,
  position: number | null,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (position !== null && !signal?.aborted && !file.closed) {
    const n = readCached(file, p, from, position);
    if (n >= 0) return n;
  }
  const { lane } = file;
  const { largestPiece } = lane.engine;
  const most = signal === undefined ? largestPiece : Math.min(largestPiece, LARGEST_BOUNCE);
  const length = Math.min(p.length - from, most);
  if (signal === undefined) {
    const n = await file.run<number>(lane, op, (engine, done) =>
      engine.read(file.fd, p, from, length, position, done),
    );
    if (from + n > p.length) throw detached(file, op);
    return n;
  }
  // A thread that hangs may still write to its memory after the caller has left.
  const memory = new Uint8Array(length);
  const work: FileWork<number> = (engine, done) => engine.read(file.fd, memory, 0, length, position, done);
  const n = await file.run<number>(lane, op, work, { signal, abandonable: true });
  p.set(n === length ? memory : memory.subarray(0, n), from);
  return n;
}

/** There is no telling where its bytes are now. */
function detached(file: OpenFile, op: string): PathError {
  const reason = 'the buffer was transferred or resized while the call waited';
  return new PathError('ERR_BUFFER_DETACHED', reason, file.details(op));
}
