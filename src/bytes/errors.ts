import { IOError } from '../io/errors.ts';

/**
 * A `Buffer` would have to grow beyond what memory or the engine allows. Its content is unchanged. Go panics with
 * `bytes.ErrTooLarge`.
 *
 * @example
 * ```ts
 * import { Buffer, BufferTooLargeError } from 'gopark/bytes';
 *
 * try {
 *   new Buffer().grow(2 ** 52);
 * } catch (error) {
 *   console.log(error instanceof BufferTooLargeError);
 * }
 * ```
 */
export class BufferTooLargeError extends IOError {
  constructor(size: number, cause: unknown) {
    super('ERR_BUFFER_TOO_LARGE', `a buffer of ${size} bytes is too large`, { cause });
  }
}
