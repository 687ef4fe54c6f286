import type { ReaderAt } from '../../../io/index.ts';
import { type File, PathError } from '../../../os/index.ts';
import { decodeRecord, LONGEST_RECORD, MAGIC, sequenceOf } from './format.ts';

const PIECE = 1 << 20;

/** What is in a journal's file. */
export interface Scan {
  /** Where its last good record ends; 0: not even the file's header is whole. */
  readonly end: number;
  /** Where the file ends: what is between is torn or damaged. */
  readonly size: number;
  readonly orders: number;
  /** The number of the next order. */
  readonly nextSequence: number;
}

/**
 * Reads a journal, gives each good record's payload to `onRecord` (and waits where that gives a promise), and stops at the first that is not. Rejects with
 * `ERR_NOT_A_JOURNAL` when it is none.
 */
export async function scan(
  file: File,
  onRecord: (payload: string) => Promise<unknown> | undefined,
): Promise<Scan> {
  const memory = Buffer.allocUnsafe(PIECE);
  let start = 0;
  let length = await fill(file, memory, 0, 0);
  if (!memory.subarray(0, Math.min(length, MAGIC.length)).equals(MAGIC.subarray(0, length))) {
    throw new PathError('ERR_NOT_A_JOURNAL', 'this is no journal', { op: 'read', path: file.path });
  }
  if (length < MAGIC.length) return { end: 0, size: length, orders: 0, nextSequence: 1 };
  let at = MAGIC.length;
  let next = 0;
  let orders = 0;
  for (;;) {
    if (length - at < LONGEST_RECORD) {
      memory.copy(memory, 0, at, length);
      start += at;
      length = await fill(file, memory, length - at, start);
      at = 0;
    }
    const record = decodeRecord(memory.subarray(0, length), at);
    const known = typeof record === 'string' ? null : sequenceOf(record.payload);
    // A file begins once, and numbers grow.
    if (
      typeof record === 'string' ||
      known === null ||
      known.begins !== (next === 0) ||
      known.sequence < next
    )
      break;
    next = known.begins ? known.sequence : known.sequence + 1;
    if (!known.begins) orders++;
    at = record.end;
    const busy = onRecord(record.payload);
    if (busy !== undefined) await busy;
  }
  const { size } = await file.stat();
  return { end: next === 0 ? 0 : start + at, size, orders, nextSequence: Math.max(1, next) };
}

/** Fills `memory` behind its first `kept` bytes with what follows them in the file: how many bytes it holds then. */
async function fill(file: ReaderAt, memory: Buffer, kept: number, start: number): Promise<number> {
  const n = await file.readAt(memory.subarray(kept), start + kept);
  return kept + (n ?? 0);
}
