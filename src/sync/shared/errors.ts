import { MisuseError } from '../errors.ts';

/**
 * A value has more bytes than its shared channel takes. Code `ERR_VALUE_TOO_LARGE`. It was not sent.
 *
 * @example
 * ```ts
 * import { SharedChan, ValueTooLargeError } from 'gopark/sync';
 *
 * const texts = new SharedChan<string>({ bytes: 100 });
 * await texts.send('x'.repeat(1000)).catch((error) => console.log(error instanceof ValueTooLargeError));
 * ```
 */
export class ValueTooLargeError extends MisuseError {
  constructor(length: number, most: number) {
    super('ERR_VALUE_TOO_LARGE', `a value of ${length} bytes: this shared channel takes at most ${most}`);
  }
}

/**
 * No structured clone can be made of a value, of a function for instance, so it cannot go to another thread. Code
 * `ERR_NOT_CLONEABLE`; the `cause` says what it was. It was not sent.
 *
 * @example
 * ```ts
 * import { NotCloneableError, SharedChan } from 'gopark/sync';
 *
 * const ch = new SharedChan<unknown>();
 * await ch.send(() => {}).catch((error) => console.log(error instanceof NotCloneableError));
 * ```
 */
export class NotCloneableError extends MisuseError {
  constructor(cause: unknown) {
    super('ERR_NOT_CLONEABLE', `not to be sent to another thread: ${(cause as Error).message}`);
    this.cause = cause;
  }
}

/**
 * More threads send on a shared channel than it was made for: see its option `senders`. Code `ERR_TOO_MANY_SENDERS`.
 *
 * @example
 * ```ts
 * import { SharedChan, TooManySendersError } from 'gopark/sync';
 *
 * const ch = new SharedChan<number>({ senders: 1 });
 * await ch.send(1).catch((error) => console.log(error instanceof TooManySendersError));
 * ```
 */
export class TooManySendersError extends MisuseError {
  constructor() {
    super('ERR_TOO_MANY_SENDERS', 'more threads send on this shared channel than its option `senders` says');
  }
}

/**
 * A shared block was used after it had been sent or released. Code `ERR_BLOCK_GONE`.
 *
 * @example
 * ```ts
 * import { BlockGoneError, SharedBlocks } from 'gopark/sync';
 *
 * const block = new SharedBlocks({ count: 4, size: 4096 }).tryTake()!;
 * block.release();
 * try {
 *   block.bytes.fill(0);
 * } catch (error) {
 *   console.log(error instanceof BlockGoneError);
 * }
 * ```
 */
export class BlockGoneError extends MisuseError {
  constructor() {
    super('ERR_BLOCK_GONE', "the block was sent or released: its memory is somebody else's");
  }
}

/**
 * A shared broadcast has as many subscriptions as it was made for: see its option `subscribers`. Code
 * `ERR_TOO_MANY_SUBSCRIBERS`.
 *
 * @example
 * ```ts
 * import { SharedBroadcast, TooManySubscribersError } from 'gopark/sync';
 *
 * const ticks = new SharedBroadcast<number>({ subscribers: 1 });
 * ticks.subscribe();
 * try {
 *   ticks.subscribe();
 * } catch (error) {
 *   console.log(error instanceof TooManySubscribersError);
 * }
 * ```
 */
export class TooManySubscribersError extends MisuseError {
  constructor(most: number) {
    super(
      'ERR_TOO_MANY_SUBSCRIBERS',
      `this shared broadcast has ${most} subscriptions already, as many as it takes`,
    );
  }
}
