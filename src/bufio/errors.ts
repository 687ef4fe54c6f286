import { IOError } from '../io/errors.ts';

/**
 * What was looked for does not fit into the buffer. `partial` is a copy of everything buffered; after `readSlice`
 * it is consumed, after `peek` it is not. Go: `bufio.ErrBufferFull`.
 *
 * @example
 * ```ts
 * import { BufferFullError, Reader } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const reader = new Reader(new StringReader('a line longer than sixteen bytes\n'), 16);
 * await reader.readSlice('\n').catch((error) => {
 *   if (error instanceof BufferFullError) console.log(error.partial.length); // 16
 * });
 * ```
 */
export class BufferFullError extends IOError {
  readonly partial: Uint8Array;

  constructor(partial: Uint8Array) {
    super('ERR_BUFFER_FULL', `what was asked for does not fit into the buffer of ${partial.length} bytes`);
    this.partial = partial;
  }
}

/**
 * A token is longer than the scanner's limit. The scanner is finished. `partial` is what it held of the token.
 * Go: `bufio.ErrTooLong`; to go on instead, see the scanner's option `onTooLong`.
 *
 * @example
 * ```ts
 * import { Scanner, TokenTooLongError } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const scanner = new Scanner(new StringReader('far too long\n')).buffer(4, 8);
 * await scanner.scan().catch((error) => {
 *   if (error instanceof TokenTooLongError) console.log(error.limit); // 8
 * });
 * ```
 */
export class TokenTooLongError extends IOError {
  readonly limit: number;
  readonly partial: Uint8Array;

  constructor(limit: number, partial: Uint8Array) {
    super('ERR_TOKEN_TOO_LONG', `a token is longer than the limit of ${limit} bytes`);
    this.limit = limit;
    this.partial = partial;
  }
}

/**
 * A split function gave a negative or fractional advance. Go: `bufio.ErrNegativeAdvance`.
 *
 * @example
 * ```ts
 * import { NegativeAdvanceError, Scanner } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const scanner = new Scanner(new StringReader('abc')).split(() => [-1, null]);
 * await scanner.scan().catch((error) => console.log(error instanceof NegativeAdvanceError));
 * ```
 */
export class NegativeAdvanceError extends IOError {
  constructor(advance: unknown) {
    super('ERR_NEGATIVE_ADVANCE', `the split function gave the advance ${String(advance)}`);
  }
}

/**
 * A split function advanced beyond the data it was given. Go: `bufio.ErrAdvanceTooFar`.
 *
 * @example
 * ```ts
 * import { AdvanceTooFarError, Scanner } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const scanner = new Scanner(new StringReader('abc')).split((data) => [data.length + 1, data]);
 * await scanner.scan().catch((error) => console.log(error instanceof AdvanceTooFarError));
 * ```
 */
export class AdvanceTooFarError extends IOError {
  constructor(advance: number, length: number) {
    super('ERR_ADVANCE_TOO_FAR', `the split function advanced ${advance} of ${length} bytes`);
  }
}

/**
 * `split` or `buffer` on a scanner that has begun to scan. It is the program's bug; Go panics.
 *
 * @example
 * ```ts
 * import { ScanStartedError, Scanner, scanWords } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const scanner = new Scanner(new StringReader('a b'));
 * await scanner.scan();
 * try {
 *   scanner.split(scanWords);
 * } catch (error) {
 *   console.log(error instanceof ScanStartedError);
 * }
 * ```
 */
export class ScanStartedError extends Error {
  readonly code = 'ERR_SCAN_STARTED';

  constructor(method: string) {
    super(`${method} must be called before the first scan`);
    this.name = 'ScanStartedError';
  }
}
