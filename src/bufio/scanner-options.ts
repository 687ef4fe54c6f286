/**
 * The largest token a `Scanner` gives unless told otherwise, its delimiter included: 64 KiB.
 * Go: `bufio.MaxScanTokenSize`.
 *
 * @example
 * ```ts
 * import { maxScanTokenSize, Scanner } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const scanner = new Scanner(new StringReader('')).buffer(4096, 4 * maxScanTokenSize);
 * ```
 */
export const maxScanTokenSize: number = 64 * 1024;

/** The size of a buffer to begin with, in bytes. */
export const firstSize = 4096;

/**
 * What a scanner may be told when it is made.
 *
 * @example
 * ```ts
 * import { Scanner, type ScannerOptions } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const tolerant: ScannerOptions = { maxTokenSize: 1024, onTooLong: 'skip' };
 * const scanner = new Scanner(new StringReader('short\n'), tolerant);
 * ```
 */
export interface ScannerOptions {
  /** The largest token in bytes, delimiter included. Default 64 KiB. */
  maxTokenSize?: number;
  /**
   * What a longer token does. `error` (default): `scan` rejects with `TokenTooLongError` and the scanner is
   * finished. `truncate`: its first `maxTokenSize` bytes are given and `truncated` is true. `skip`: it is left out.
   * The last two go on behind its end; they suit split functions that look for a delimiter.
   */
  onTooLong?: 'error' | 'truncate' | 'skip';
}

/** What a scanner keeps of that, and of its `buffer`. */
export interface Settings {
  first: number;
  max: number;
  onTooLong: 'error' | 'truncate' | 'skip';
  /** The caller's buffer, never shared with others. */
  own: Uint8Array | null;
}

export const defaults: Settings = { first: firstSize, max: maxScanTokenSize, onTooLong: 'error', own: null };
