import { type DurableWrite, durableWrite } from './durable-write.ts';
import { PathError } from './errors.ts';

import { type Lane, threadLane } from './lanes.ts';
import type { FileWork, OpenFile, Stream } from './open-file.ts';

/** For a write that the disk is to have: whether the engine has seen to that together with the write. */
export interface Durability {
  synced: boolean;
}

/** Writes while nobody else uses the position, and moves it by what was written. */
export async function writeNext(
  file: OpenFile,
  buffers: readonly Uint8Array[],
  length: number,
  signal: AbortSignal | undefined,
  durability: Durability | null = null,
): Promise<number> {
  await file.lock.take('write', file.path, signal);
  try {
    return await writeHeld(file, buffers, length, signal, durability);
  } finally {
    file.lock.give();
  }
}

/** The same for who has the lock. */
export async function writeHeld(
  file: OpenFile,
  buffers: readonly Uint8Array[],
  length: number,
  signal: AbortSignal | undefined,
  durability: Durability | null,
): Promise<number> {
  let before: number | null = null;
  try {
    if (file.inherited) file.lookAtInherited('write');
    if (file.stream !== null) return await writeToStream(file.stream, buffers, 0, signal);
    if (!file.appends && !file.inherited) before = await file.current('write');
    const n = await writeFrom(file, 'write', buffers, length, before, signal, durability);
    if (n > 0) file.position = before === null ? null : before + n;
    return n;
  } catch (error) {
    const failure = file.error('write', error, {}, signal);
    const n = (failure as { bytesWritten?: number }).bytesWritten ?? 0;
    const stream = error instanceof PathError && file.stream !== null ? null : file.streamAfter(error);
    if (stream !== null) return await writeToStream(stream, withoutFirst(buffers, n), n, signal);
    if (n > 0) file.position = before === null ? null : before + n;
    throw failure;
  }
}

async function writeToStream(
  stream: Stream,
  buffers: readonly Uint8Array[],
  before: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const p = buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
  return before + (await stream.write(p, signal));
}

/** Writes all from `position` on; null: where the kernel appends. */
export async function writeFrom(
  file: OpenFile,
  op: string,
  buffers: readonly Uint8Array[],
  length: number,
  position: number | null,
  signal: AbortSignal | undefined,
  durability: Durability | null = null,
): Promise<number> {
  let bytesWritten = 0;
  try {
    const lane = laneFor(file, length);
    const { largestPiece, writeBatch } = lane.engine;
    let rest = buffers;
    while (bytesWritten < length) {
      const piece = firstBytes(rest, largestPiece);
      const at = position === null ? null : position + bytesWritten;
      if (durability !== null && writeBatch !== undefined && length - bytesWritten <= largestPiece) {
        const { count, synced, syncError } = await writeLast(file, lane, op, piece, at, signal);
        bytesWritten += count;
        durability.synced = synced;
        if (syncError !== null) throw file.error('datasync', syncError, { bytesWritten });
        if (count > 0) {
          rest = withoutFirst(rest, count);
          continue;
        }
      }
      const work: FileWork<number> = (engine, done) => engine.write(file.fd, piece, at, done);
      const n = await file.run(lane, op, work, { signal });
      if (n === 0) throw new PathError('ERR_NO_PROGRESS', 'the kernel takes nothing', file.details(op));
      bytesWritten += n;
      if (bytesWritten < length) rest = withoutFirst(rest, n);
    }
    return bytesWritten;
  } catch (error) {
    throw file.error(op, error, { bytesWritten }, signal);
  }
}

/**
 * A ring takes small pieces, and for each of them most file systems take a thread of the kernel's: for a large write
 * one of Node's is the shorter way.
 */
function laneFor(file: OpenFile, length: number): Lane {
  const { lane } = file;
  return length > 2 * lane.engine.largestPiece ? threadLane : lane;
}

/** The last piece, and the disk is told at once. */
function writeLast(
  file: OpenFile,
  lane: Lane,
  op: string,
  piece: readonly Uint8Array[],
  position: number | null,
  signal: AbortSignal | undefined,
): Promise<DurableWrite> {
  const work: FileWork<DurableWrite> = (engine, done) =>
    engine.writeBatch!(file.fd, piece, position, true, (written, synced) =>
      durableWrite(written, synced, done),
    );
  return file.run(lane, op, work, { signal });
}

/** The arrays that hold the first `most` bytes; the last one cut where it is too long. */
function firstBytes(buffers: readonly Uint8Array[], most: number): Uint8Array[] {
  const part: Uint8Array[] = [];
  let length = 0;
  for (const p of buffers) {
    if (p.length === 0) continue;
    if (length + p.length > most) {
      if (length < most) part.push(p.subarray(0, most - length));
      break;
    }
    part.push(p);
    length += p.length;
  }
  return part;
}

export function withoutFirst(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest = buffers.slice();
  while (rest.length > 0 && rest[0]!.length <= count) count -= rest.shift()!.length;
  if (count > 0) rest[0] = rest[0]!.subarray(count);
  return rest;
}
