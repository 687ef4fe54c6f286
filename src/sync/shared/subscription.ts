import { Chan, DRAINED, EMPTY } from '../chan.ts';
import type { ChanWaiter } from '../chan-waiter.ts';
import { CloseOfClosedError, MisuseError } from '../errors.ts';
import type { WaitOptions } from '../wait-options.ts';
import type { BroadcastLog } from './broadcast-log.ts';
import { Listener } from './listener.ts';
import { ListeningQueue } from './listening-queue.ts';
import { CLOSED, EMPTY as NOTHING, taken, takenLength } from './records.ts';
import { type Share, SharedBlock, type SharedBlocks } from './shared-blocks.ts';
import { thisThread } from './this-thread.ts';
import { BLOCK, type Codec, decode } from './values.ts';
import { serveReceivers } from './waiters.ts';

/**
 * What a subscriber of a `SharedBroadcast` receives from: a channel to receive from, `select` and `for await` included.
 * Made by `subscribe`. Sending on it is a `MisuseError` with code `ERR_RECEIVE_ONLY`.
 *
 * `close` ends the subscription: who waits gets the end. When the broadcast is closed it still gives what has been
 * published before, then the end.
 *
 * @example
 * ```ts
 * import { SharedBroadcast, type Subscription } from 'gopark/sync';
 *
 * const ticks = new SharedBroadcast<string>({ whenFull: 'drop' });
 * const mine: Subscription<string> = ticks.subscribe();
 * await ticks.publish('TICK ACME 101.25');
 * console.log(await mine.recv(), mine.dropped);
 * mine.close();
 * ```
 */
export class Subscription<T> extends Chan<T> {
  readonly #log: BroadcastLog;
  readonly #place: number;
  /** The part of it in blocks that others have as well. */
  readonly #share: Share;
  readonly #generation: number;
  readonly #codec: Codec<T> | null;
  readonly #blocks: SharedBlocks | null;
  /** The lane to look at first: every publisher has its turn. */
  #turn = 0;
  /** Of its end. */
  #dropped = 0;

  /** @internal */
  constructor(log: BroadcastLog, place: number, codec: Codec<T> | null, blocks: SharedBlocks | null) {
    const receivers = new ListeningQueue<ChanWaiter>();
    super(log.sizes.capacity, receivers);
    // Another thread may end the wait.
    this.external = true;
    this.#log = log;
    this.#place = place;
    this.#share = { place, left: false };
    this.#generation = log.subscribers.generation(place);
    this.#codec = codec;
    this.#blocks = blocks;
    receivers.listener = new Listener(
      log.events,
      'data',
      () => this.#ready,
      () => this.#serveReceivers(),
    );
  }

  /** How many values wait for it. */
  override get length(): number {
    return this.#share.left ? 0 : this.#log.lengthFor(this.#place, this.#generation);
  }

  /** Whether it, or the broadcast, was closed. There may still be values to receive. */
  override get closed(): boolean {
    return this.#share.left || this.#log.closed;
  }

  /** How many values it has lost because it was too slow. */
  get dropped(): number {
    return this.#share.left ? this.#dropped : this.#log.subscribers.dropped(this.#place);
  }

  override recv(options?: WaitOptions): Promise<T | undefined> {
    try {
      return super.recv(options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  override recvOk(options?: WaitOptions): Promise<[value: T, ok: true] | [value: undefined, ok: false]> {
    try {
      return super.recvOk(options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  override send(): Promise<void> {
    return Promise.reject(receiveOnly());
  }

  override trySend(): boolean {
    throw receiveOnly();
  }

  /** Ends the subscription. It lets go of what it has not received, and of blocks that it has not released. */
  override close(): void {
    if (this.#share.left) throw new CloseOfClosedError();
    this.#dropped = this.dropped;
    this.#share.left = true;
    this.#log.leave(this.#place, thisThread, (place) => this.#blocks?.letGoAll(place));
    this.#serveReceivers();
  }

  [Symbol.dispose](): void {
    if (!this.#share.left) this.close();
  }

  /** @internal */
  override put(): boolean {
    throw receiveOnly();
  }

  /** @internal */
  override take(): T | typeof EMPTY | typeof DRAINED {
    return this.receivers.first === null ? this.#take() : EMPTY;
  }

  #take(): T | typeof EMPTY | typeof DRAINED {
    if (this.#share.left) return DRAINED;
    const kind = this.#log.take(this.#place, this.#generation, this.#turn);
    if (kind === NOTHING) return EMPTY;
    if (kind === CLOSED) return DRAINED;
    this.#turn = (this.#turn + 1) & 0xffff;
    if (kind === BLOCK) return SharedBlock.received(this.#blocks, taken, this.#share) as T;
    return decode(kind, taken, takenLength, this.#codec as Codec<unknown> | null) as T;
  }

  get #ready(): boolean {
    return this.closed || this.#log.lengthFor(this.#place, this.#generation) > 0;
  }

  /** @internal */
  override get readyToReceive(): boolean {
    return this.receivers.first === null && this.#ready;
  }

  /** @internal A send is ready, to fail. */
  override get readyToSend(): boolean {
    return true;
  }

  /** Whether somebody still waits for a value. */
  #serveReceivers(): boolean {
    return serveReceivers(this.receivers, () => this.#take());
  }

  /** @internal */
  override describe(): string {
    return `subscription ${super.describe()}`;
  }
}

function receiveOnly(): MisuseError {
  return new MisuseError('ERR_RECEIVE_ONLY', 'a subscription is to receive from: publish on its broadcast');
}
