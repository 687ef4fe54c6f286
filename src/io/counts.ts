import { BadReadCountError, BadWriteCountError, ShortWriteError } from './errors.ts';

/** How many reads of 0 bytes in a row are put up with before a helper gives up. */
export const emptyReadsAllowed = 100;

/** Throws BadReadCountError unless `n` is a count that a read into `length` bytes can give. */
export function checkReadCount(n: number, length: number): void {
  // One comparison covers negative, NaN and too large; a fraction fails the second.
  if (!(n >= 0 && n <= length) || n % 1 !== 0) throw new BadReadCountError(n, length);
}

/** Throws unless the writer took all `length` bytes, as its contract asks where it gives no error. */
export function checkWriteCount(n: number, length: number): void {
  if (n === length) return;
  if (!(n >= 0 && n < length) || n % 1 !== 0) throw new BadWriteCountError(n, length);
  throw new ShortWriteError(n, length);
}

/** What a failed write says that it took, 0 where it does not say or says nonsense. */
export function bytesWrittenOf(error: unknown, length: number): number {
  const n = (error as { bytesWritten?: unknown } | null | undefined)?.bytesWritten;
  return typeof n === 'number' && n >= 0 && n <= length ? n : 0;
}
