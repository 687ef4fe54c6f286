/**
 * A bug in how a channel or a lock is used. What Go panics at: it is no I/O error, so a goroutine that it ends
 * unread ends the process. `code` says which mistake it is.
 *
 * @example
 * ```ts
 * import { chan, MisuseError } from 'gopark/sync';
 *
 * const jobs = chan<string>();
 * jobs.close();
 * try {
 *   jobs.trySend('late');
 * } catch (error) {
 *   if (error instanceof MisuseError) console.error(error.code); // ERR_CHAN_CLOSED
 * }
 * ```
 */
export class MisuseError extends Error {
  /** A name for programs: `ERR_` and capitals, the same in every release. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * A value was sent on a closed channel, or the channel was closed while the sender waited. Code `ERR_CHAN_CLOSED`.
 * Go: `panic: send on closed channel`.
 *
 * @example
 * ```ts
 * import { chan, SendOnClosedError } from 'gopark/sync';
 *
 * const jobs = chan<string>();
 * jobs.close();
 * await jobs.send('late').catch((error) => console.log(error instanceof SendOnClosedError));
 * ```
 */
export class SendOnClosedError extends MisuseError {
  constructor() {
    super('ERR_CHAN_CLOSED', 'send on closed channel');
  }
}

/**
 * A closed channel was closed again. Code `ERR_CHAN_CLOSED`. Go: `panic: close of closed channel`.
 *
 * @example
 * ```ts
 * import { chan, CloseOfClosedError } from 'gopark/sync';
 *
 * const done = chan<void>();
 * done.close();
 * try {
 *   done.close();
 * } catch (error) {
 *   console.log(error instanceof CloseOfClosedError);
 * }
 * ```
 */
export class CloseOfClosedError extends MisuseError {
  constructor() {
    super('ERR_CHAN_CLOSED', 'close of closed channel');
  }
}
