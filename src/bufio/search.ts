import { checkLimit } from '../io/arguments.ts';
import { type Delimiter, delimiterByte } from '../io/delimiter.ts';
import { LimitExceededError, ReadError } from '../io/errors.ts';
import { concat } from '../io/read-all.ts';
import { BufferFullError } from './errors.ts';
import { type Intake, none } from './intake.ts';

export const newline = 0x0a;
export const carriageReturn = 0x0d;

/** How far one search through several buffers has come. */
export interface Search {
  chunks: Uint8Array[];
  taken: number;
  scanned: number;
}

/** Everything a search has found, in an array of its own. */
export function join(search: Search, last: Uint8Array): Uint8Array {
  return search.chunks.length === 0
    ? last.slice()
    : concat([...search.chunks, last], search.taken + last.length);
}

/** The length of a line without its ending. */
export function lineLength(bytes: Uint8Array): number {
  const last = bytes.length - 1;
  if (last < 0 || bytes[last] !== newline) return bytes.length;
  return last > 0 && bytes[last - 1] === carriageReturn ? last - 1 : last;
}

/**
 * The short way: consumes up to and including a delimiter that is buffered and within `limit`, and gives the index
 * behind it. -1 for everything else, wrong arguments included: the long way deals with those.
 */
export function takeThrough(input: Intake, delimiter: Delimiter, limit: number): number {
  if (input.busy) return -1;
  let byte: number;
  try {
    byte = delimiterByte(delimiter);
  } catch {
    return -1;
  }
  const at = input.find(byte, input.start);
  if (at < 0 || !(at + 1 - input.start <= limit)) return -1;
  input.start = at + 1;
  input.lastByte = byte;
  input.lastRune = 0;
  return at + 1;
}

/** A view through `byte` by what is at hand; null at the end, undefined where it is not at hand and the stream goes on. */
export function sliceNow(input: Intake, byte: number): Uint8Array | null | undefined {
  for (let scanned = 0; ; ) {
    const at = input.find(byte, input.start + scanned);
    if (at >= 0) return input.take(at + 1);
    scanned = input.end - input.start;
    if (scanned === input.size) throw new BufferFullError(input.take(input.end).slice());
    if (input.nonblocking === null) return undefined;
    const more = input.tryFill();
    if (more === undefined) return undefined;
    if (!more) return scanned === 0 ? null : input.take(input.end);
  }
}

/** The same with waiting, for `Intake.wait`. */
export function slicing(input: Intake, byte: number): (ended: boolean) => Uint8Array | null | undefined {
  let scanned = 0;
  return (ended) => {
    const at = input.find(byte, input.start + scanned);
    if (at >= 0) return input.take(at + 1);
    scanned = input.end - input.start;
    if (ended) return scanned === 0 ? null : input.take(input.end);
    if (scanned === input.size) throw new BufferFullError(input.take(input.end).slice());
    return undefined;
  };
}

/** The common part of readBytes, readString and readLine: `finish` gets what was found. */
export function readThrough<T>(
  input: Intake,
  delimiter: Delimiter,
  limit: number,
  finish: (search: Search, piece: Uint8Array) => T,
): Promise<T | null> {
  const search: Search = { chunks: [], taken: 0, scanned: 0 };
  const failed = (error: unknown) => {
    if (error instanceof LimitExceededError) return error;
    const rest = input.start === input.end ? none : input.take(input.end);
    const partial = join(search, rest);
    return new ReadError(error, partial.length, partial);
  };
  let attempt: (ended: boolean) => T | null | undefined;
  try {
    checkLimit(limit);
    const byte = delimiterByte(delimiter);
    input.checkFree();
    attempt = (ended) => {
      const piece = searchOn(input, search, byte, limit, ended);
      return piece === null || piece === undefined ? piece : finish(search, piece);
    };
  } catch (error) {
    return Promise.reject(error);
  }
  try {
    const now = input.now(attempt);
    if (now !== undefined) return Promise.resolve(now);
  } catch (error) {
    return Promise.reject(failed(error));
  }
  return input.wait<T | null>(attempt, failed);
}

/** One step of a search: the last piece when it is over, null when the stream ended before it, else undefined. */
function searchOn(
  input: Intake,
  search: Search,
  byte: number,
  limit: number,
  ended: boolean,
): Uint8Array | null | undefined {
  const at = input.find(byte, input.start + search.scanned);
  const length = (at < 0 ? input.end : at + 1) - input.start;
  if (search.taken + length > limit) {
    const allowed = limit - search.taken;
    const partial = join(search, allowed === 0 ? none : input.take(input.start + allowed));
    throw new LimitExceededError(limit, partial);
  }
  if (at >= 0) return input.take(at + 1);
  if (ended) {
    if (length > 0) return input.take(input.end);
    return search.taken === 0 ? null : none;
  }
  search.scanned = length;
  if (length === input.size) {
    search.chunks.push(input.take(input.end).slice());
    search.taken += length;
    search.scanned = 0;
  }
  return undefined;
}

/** Wraps the source's error, with `partial`; errors of this package and of arguments stay what they are. */
export function failed(error: unknown, partial: Uint8Array): unknown {
  if (error instanceof BufferFullError || error instanceof LimitExceededError) return error;
  return new ReadError(error, partial.length, partial);
}

/** The same, and what is buffered is consumed: it travels in `partial`. */
export function failedTakingAll(input: Intake, error: unknown): unknown {
  const rest = input.copyBuffered();
  input.start = input.end;
  return failed(error, rest);
}
