import { IOError } from './errors.ts';

/**
 * `unreadByte` without a byte that could be taken back. Go: `bufio.ErrInvalidUnreadByte`.
 *
 * @example
 * ```ts
 * import { InvalidUnreadByteError, Reader } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * try {
 *   new Reader(new StringReader('abc')).unreadByte();
 * } catch (error) {
 *   console.log(error instanceof InvalidUnreadByteError);
 * }
 * ```
 */
export class InvalidUnreadByteError extends IOError {
  constructor() {
    super('ERR_INVALID_UNREAD_BYTE', 'unreadByte: the last call did not read a byte');
  }
}

/**
 * `unreadRune` after anything but a `readRune`. Go: `bufio.ErrInvalidUnreadRune`.
 *
 * @example
 * ```ts
 * import { InvalidUnreadRuneError, Reader } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * try {
 *   new Reader(new StringReader('abc')).unreadRune();
 * } catch (error) {
 *   console.log(error instanceof InvalidUnreadRuneError);
 * }
 * ```
 */
export class InvalidUnreadRuneError extends IOError {
  constructor() {
    super('ERR_INVALID_UNREAD_RUNE', 'unreadRune: the last call was not a readRune that gave a rune');
  }
}
