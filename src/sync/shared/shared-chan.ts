import { checkCount } from '../../io/arguments.ts';
import { ArgumentTypeError } from '../../io/index.ts';
import { Chan, DRAINED, EMPTY } from '../chan.ts';
import type { ChanWaiter } from '../chan-waiter.ts';
import { CloseOfClosedError } from '../errors.ts';
import type { WaitOptions } from '../wait-options.ts';
import { Lanes } from './lanes.ts';
import { Listener } from './listener.ts';
import { ListeningQueue } from './listening-queue.ts';
import { putValue } from './put-value.ts';
import { CLOSED, EMPTY as NOTHING, taken, takenLength } from './records.ts';
import { SharedBlock, type SharedBlocks } from './shared-blocks.ts';
import { BLOCK, type Codec, decode } from './values.ts';
import { serveReceivers, serveSenders } from './waiters.ts';

const DEFAULT_BYTES = 256 << 10;

/**
 * How a SharedChan works.
 *
 * @example
 * ```ts
 * import type { SharedChanOptions } from 'gopark/sync';
 *
 * const options: SharedChanOptions<string> = { capacity: 10_000, bytes: 4 << 20 };
 * ```
 */
export interface SharedChanOptions<T> {
  /** The most values of each sending thread that it holds; at least 1. 1024 unless given. */
  capacity?: number;
  /** The most bytes that a single value may have when it is serialized; all values together may have about four times as
   * many. 256 KiB unless given. */
  bytes?: number;
  /** The most threads that send; 32 unless given. Memory that a thread does not use is not taken from the system. */
  senders?: number;
  /** Instead of a structured clone; each side gives its own. */
  codec?: Codec<T>;
  /** Where the `SharedBlock`s come from that are sent; each side gives its own. */
  blocks?: SharedBlocks;
}

/**
 * What another thread makes a channel of: goes through `postMessage` and `workerData`.
 *
 * @example
 * ```ts
 * import { SharedChan, type SharedChanHandle } from 'gopark/sync';
 *
 * const handle: SharedChanHandle = new SharedChan<string>().handle;
 * ```
 */
export interface SharedChanHandle {
  readonly sharedChan: SharedArrayBuffer;
}

type Sizes = Pick<SharedChanOptions<unknown>, 'capacity' | 'bytes' | 'senders'>;
type Own<T> = Pick<SharedChanOptions<T>, 'codec' | 'blocks'>;

/**
 * A channel between threads: what one sends, another receives, through shared memory. All that a `Chan` does it does,
 * `select` included, with goroutines on either side in any number of threads; each value goes to one receiver. It is
 * buffered, and bounded in values and bytes: senders wait while it is full. Values of one sending thread arrive in
 * their order.
 *
 * A value arrives as a copy: what a structured clone can be made of, functions not. Strings, numbers and plain
 * Uint8Arrays go without serializing, and so does what a `codec` is given for. A `SharedBlock` is not copied at all.
 *
 * Who waits here keeps its thread alive. A thread that ends takes with it what it has received and nothing else:
 * the channel stays as it is for the others.
 *
 * @example
 * ```ts
 * import { Worker } from 'node:worker_threads';
 * import { go } from 'gopark';
 * import { SharedChan } from 'gopark/sync';
 *
 * const jobs = new SharedChan<{ symbol: string; quantity: number }>({ capacity: 256 });
 * // In the worker: for await (const job of SharedChan.from(workerData.jobs)) ...
 * new Worker(new URL('./worker.js', import.meta.url), { workerData: { jobs: jobs.handle } });
 * go(async () => {
 *   await jobs.send({ symbol: 'ACME', quantity: 10 });
 *   jobs.close();
 * });
 * ```
 */
export class SharedChan<T> extends Chan<T> {
  readonly #lanes: Lanes;
  readonly #codec: Codec<T> | null;
  readonly #blocks: SharedBlocks | null;

  constructor(options: SharedChanOptions<T> = {}) {
    const lanes = madeFrom.get(options) ?? create(options);
    const receivers = new ListeningQueue<ChanWaiter>();
    const senders = new ListeningQueue<ChanWaiter>();
    super(lanes.sizes.capacity, receivers, senders);
    // Another thread may end the wait.
    this.external = true;
    this.#lanes = lanes;
    this.#codec = options.codec ?? null;
    this.#blocks = options.blocks ?? null;
    receivers.listener = new Listener(
      lanes.events,
      'data',
      () => lanes.ready('data'),
      () => serveReceivers(receivers, () => this.#take()),
    );
    senders.listener = new Listener(
      lanes.events,
      'room',
      () => lanes.ready('room'),
      () => serveSenders<T>(senders, (value) => this.#put(value)),
    );
  }

  /** The channel of a `handle`, in this thread. */
  static from<T>(handle: SharedChanHandle, options: Own<T> = {}): SharedChan<T> {
    const buffer = Object(handle).sharedChan as unknown;
    if (!Lanes.isOne(buffer)) throw new ArgumentTypeError('handle', "a SharedChan's", handle);
    const own = { ...options };
    madeFrom.set(own, new Lanes(buffer));
    return new SharedChan<T>(own);
  }

  get handle(): SharedChanHandle {
    return { sharedChan: this.#lanes.buffer };
  }

  /**
   * Says that the worker with this `threadId` has ended, so that its place among the senders is free again: for the
   * supervisor of threads that it ends with `terminate`. One that ends by itself says so itself.
   */
  reclaim(threadId: number): void {
    this.#lanes.reclaim(threadId + 1);
  }

  /** How many values it holds now. */
  override get length(): number {
    return this.#lanes.length;
  }

  override get closed(): boolean {
    return this.#lanes.closed;
  }

  /**
   * Sends a copy of `value`; resolves when it is in the channel.
   *
   * @returns rejects with `SendOnClosedError` when the channel is closed, before or meanwhile; with
   * `ValueTooLargeError`; with `NotCloneableError` when no structured clone can be made of it; with the signal's reason.
   * Then the value was not sent.
   */
  override send(value: T, options?: WaitOptions): Promise<void> {
    try {
      return super.send(value, options);
    } catch (error) {
      return Promise.reject(error);
    }
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

  override close(): void {
    if (!this.#lanes.close()) throw new CloseOfClosedError();
  }

  /** @internal */
  override put(value: T): boolean {
    // Whoever waits comes first.
    return this.senders.first === null && this.#put(value);
  }

  #put(value: T): boolean {
    return putValue(this.#lanes, value, this.#codec, this.#blocks);
  }

  /** @internal */
  override take(): T | typeof EMPTY | typeof DRAINED {
    return this.receivers.first === null ? this.#take() : EMPTY;
  }

  #take(): T | typeof EMPTY | typeof DRAINED {
    const kind = this.#lanes.take();
    if (kind === NOTHING) return EMPTY;
    if (kind === CLOSED) return DRAINED;
    if (kind === BLOCK) return SharedBlock.received(this.#blocks, taken) as T;
    return decode(kind, taken, takenLength, this.#codec as Codec<unknown> | null) as T;
  }

  /** @internal */
  override get readyToReceive(): boolean {
    return this.receivers.first === null && this.#lanes.ready('data');
  }

  /** @internal */
  override get readyToSend(): boolean {
    return this.#lanes.closed || (this.senders.first === null && this.#lanes.ready('room'));
  }

  /** @internal */
  override describe(): string {
    return `shared ${super.describe()}`;
  }
}

const madeFrom = new WeakMap<object, Lanes>();

function create({ capacity = 1024, bytes = DEFAULT_BYTES, senders = 32 }: Sizes): Lanes {
  checkCount(capacity, 'capacity', 1);
  checkCount(bytes, 'bytes', 1);
  checkCount(senders, 'senders', 1);
  return Lanes.create({ capacity, bytes }, senders);
}
