import { IOError } from '../io/errors.ts';

/**
 * A LinkBuffer of its own, which nobody fills while a call waits, has fewer bytes than were asked for. Nothing was
 * consumed. A buffer with an owner (a connection's) waits instead.
 *
 * @example
 * ```ts
 * import { LinkBuffer, NotEnoughDataError } from 'gopark/linkbuffer';
 *
 * await new LinkBuffer().next(4).catch((error) => console.log(error instanceof NotEnoughDataError));
 * ```
 */
export class NotEnoughDataError extends IOError {
  /** How many bytes are there. */
  readonly available: number;

  constructor(available: number, wanted: string) {
    super('ERR_NOT_ENOUGH_DATA', `the buffer holds ${available} bytes, but the call needs ${wanted}`);
    this.available = available;
  }
}

/**
 * Use of a LinkBuffer after its `close`.
 *
 * @example
 * ```ts
 * import { BufferClosedError, LinkBuffer } from 'gopark/linkbuffer';
 *
 * const buffer = new LinkBuffer();
 * buffer.close();
 * try {
 *   buffer.malloc(1);
 * } catch (error) {
 *   console.log(error instanceof BufferClosedError);
 * }
 * ```
 */
export class BufferClosedError extends IOError {
  constructor() {
    super('ERR_BUFFER_CLOSED', 'the buffer is closed');
  }
}

/**
 * Use of a slice after its `release`, or, where `GOPARK_POISON=1` is set, of memory that was lent and released
 * (`checkLent`). It is the program's bug. In poison mode `cause` was made where the release happened: its stack shows
 * that place.
 *
 * @example
 * ```ts
 * import { LinkBuffer, ReleasedError } from 'gopark/linkbuffer';
 *
 * const buffer = new LinkBuffer();
 * await buffer.write(new Uint8Array(8));
 * const slice = await buffer.slice(4);
 * slice?.release();
 * await slice?.next(1).catch((error) => console.log(error instanceof ReleasedError));
 * ```
 */
export class ReleasedError extends Error {
  readonly code = 'ERR_RELEASED';

  constructor(what: string, options?: ErrorOptions) {
    super(`${what} is used after its release`, options);
    this.name = 'ReleasedError';
  }
}
