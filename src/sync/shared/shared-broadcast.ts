import { randomInt } from 'node:crypto';
import { checkCount } from '../../io/arguments.ts';
import { ArgumentRangeError, ArgumentTypeError } from '../../io/index.ts';
import { CloseOfClosedError } from '../errors.ts';
import type { WaitOptions } from '../wait-options.ts';
import { BroadcastLog } from './broadcast-log.ts';
import { TooManySubscribersError } from './errors.ts';
import { Outlet } from './outlet.ts';
import type { SharedBlocks } from './shared-blocks.ts';
import { Subscription } from './subscription.ts';
import type { Codec } from './values.ts';

const DEFAULT_BYTES = 256 << 10;
/** Who has a block stands in the bits of a word. */
const MOST_WITH_BLOCKS = 32;

/**
 * How a SharedBroadcast works.
 *
 * @example
 * ```ts
 * import type { SharedBroadcastOptions } from 'gopark/sync';
 *
 * const options: SharedBroadcastOptions<string> = { capacity: 4096, whenFull: 'drop' };
 * ```
 */
export interface SharedBroadcastOptions<T> {
  /** The most values of each publishing thread that the slowest subscriber has yet to receive; at least 1. 1024 unless
   * given. */
  capacity?: number;
  /** The most bytes that a single value may have when it is serialized; all values of a thread together may have about
   * four times as many. 256 KiB unless given. */
  bytes?: number;
  /** The most threads that publish; 8 unless given. */
  publishers?: number;
  /** The most subscriptions at a time; 32 unless given, and with `blocks` no more than that. */
  subscribers?: number;
  /**
   * What becomes of a value when a subscriber has not kept up. 'wait', the default: its publisher waits. 'drop': that
   * subscriber, and nobody else, loses its oldest ones, and counts them.
   */
  whenFull?: 'wait' | 'drop';
  /** Instead of a structured clone; each side gives its own. */
  codec?: Codec<T>;
  /** Where the `SharedBlock`s come from that are published, of this broadcast alone; each side gives its own. */
  blocks?: SharedBlocks;
}

/**
 * What another thread makes a broadcast of: goes through `postMessage` and `workerData`.
 *
 * @example
 * ```ts
 * import { SharedBroadcast, type SharedBroadcastHandle } from 'gopark/sync';
 *
 * const handle: SharedBroadcastHandle = new SharedBroadcast<string>().handle;
 * ```
 */
export interface SharedBroadcastHandle {
  readonly sharedBroadcast: SharedArrayBuffer;
  /** By what the blocks of its pool are known. */
  readonly id: number;
}

/**
 * One to all, between threads: each value that any thread publishes goes to every subscriber, in any number of
 * threads, through shared memory; it is written once, however many they are. Values of one thread arrive in their
 * order; those of several threads may arrive interleaved differently at different subscribers.
 *
 * A subscriber gets what is published after `subscribe`, and keeps its own pace; how far the slowest may stay behind
 * is bounded, and `whenFull` says what happens then. Without subscribers values go nowhere, at once.
 *
 * Of a `SharedBlock` nothing is copied: all subscribers have the same memory, to read, and it goes back into its pool
 * when the last of them has released it.
 *
 * There is no lock in it: any thread may be ended at any instant. A thread that ends by itself leaves; for one that was
 * ended its supervisor calls `reclaim`, or publishers that wait would wait for it for ever.
 *
 * @example
 * ```ts
 * import { Worker } from 'node:worker_threads';
 * import { SharedBroadcast } from 'gopark/sync';
 *
 * const ticks = new SharedBroadcast<string>();
 * // In the worker: for await (const tick of SharedBroadcast.from(workerData.ticks).subscribe()) ...
 * const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { ticks: ticks.handle } });
 * const { threadId } = worker;
 * worker.once('exit', () => ticks.reclaim(threadId));
 * await ticks.publish('TICK ACME 101.25');
 * ```
 */
export class SharedBroadcast<T> {
  readonly #log: BroadcastLog;
  readonly #id: number;
  readonly #codec: Codec<T> | null;
  readonly #blocks: SharedBlocks | null;
  readonly #outlet: Outlet<T>;
  readonly #clear: (place: number) => void;

  constructor(options: SharedBroadcastOptions<T> = {}) {
    const { log, id } = madeFrom.get(options) ?? { log: create(options), id: randomInt(1, 2 ** 31 - 1) };
    const { blocks = null, codec = null } = options;
    if (blocks !== null) checkBlocks(blocks, log, id);
    this.#log = log;
    this.#id = id;
    this.#codec = codec;
    this.#blocks = blocks;
    this.#outlet = new Outlet(log, codec, blocks);
    this.#clear = (place) => blocks?.letGoAll(place);
  }

  /** The broadcast of a `handle`, in this thread. */
  static from<T>(
    handle: SharedBroadcastHandle,
    options: Pick<SharedBroadcastOptions<T>, 'codec' | 'blocks'> = {},
  ): SharedBroadcast<T> {
    const { sharedBroadcast: buffer, id } = Object(handle) as SharedBroadcastHandle;
    if (!BroadcastLog.isOne(buffer)) throw new ArgumentTypeError('handle', "a SharedBroadcast's", handle);
    const own = { ...options };
    madeFrom.set(own, { log: new BroadcastLog(buffer), id });
    return new SharedBroadcast<T>(own);
  }

  get handle(): SharedBroadcastHandle {
    return { sharedBroadcast: this.#log.buffer, id: this.#id };
  }

  /**
   * Publishes a copy of `value`; resolves when it is in the memory of all subscribers. Where `whenFull` is 'wait', it
   * waits as long as the slowest one has no room.
   *
   * @returns rejects with `SendOnClosedError` when the broadcast is closed, before or meanwhile; with
   * `ValueTooLargeError`, `NotCloneableError`, `TooManySendersError`; with the signal's reason. Then nobody gets it.
   */
  publish(value: T, options?: WaitOptions): Promise<void> {
    try {
      return this.#outlet.send(value, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Publishes if that needs no waiting, and says whether it did. Where `whenFull` is 'drop', it always does.
   *
   * @throws what `publish` would reject with.
   */
  tryPublish(value: T): boolean {
    return this.#outlet.trySend(value);
  }

  /**
   * A subscription of this thread, from now on.
   *
   * @throws TooManySubscribersError when there are as many as the broadcast was made for.
   */
  subscribe(): Subscription<T> {
    const place = this.#log.subscribers.join(this.#clear);
    if (place < 0) throw new TooManySubscribersError(this.#log.sizes.subscribers);
    return new Subscription<T>(this.#log, place, this.#codec, this.#blocks);
  }

  /** How many subscriptions there are, in all threads. */
  get subscribers(): number {
    return this.#log.subscribers.active;
  }

  /** Nothing more is published: subscribers get what is there, then the end. Waiting publishers reject. */
  close(): void {
    if (!this.#log.close()) throw new CloseOfClosedError();
  }

  get closed(): boolean {
    return this.#log.closed;
  }

  /**
   * Says that the worker with this `threadId` has ended: takes away its subscriptions, with the shares that they had in
   * blocks, and gives its place as a publisher to whoever comes next. For the supervisor of threads that may be ended
   * from outside; never for a thread that runs.
   *
   * @returns how many subscriptions that were
   */
  reclaim(threadId: number): number {
    return this.#log.reclaim(threadId + 1, this.#clear);
  }
}

const madeFrom = new WeakMap<object, { log: BroadcastLog; id: number }>();

function create<T>(options: SharedBroadcastOptions<T>): BroadcastLog {
  const {
    capacity = 1024,
    bytes = DEFAULT_BYTES,
    publishers = 8,
    subscribers = 32,
    whenFull = 'wait',
  } = options;
  checkCount(capacity, 'capacity', 1);
  checkCount(bytes, 'bytes', 1);
  checkCount(publishers, 'publishers', 1);
  checkCount(subscribers, 'subscribers', 1);
  if (whenFull !== 'wait' && whenFull !== 'drop') {
    throw new ArgumentRangeError('whenFull', "'wait' or 'drop'", whenFull);
  }
  return BroadcastLog.create({ capacity, bytes, publishers, subscribers, drops: whenFull === 'drop' });
}

function checkBlocks(blocks: SharedBlocks, { sizes }: BroadcastLog, id: number): void {
  if (sizes.subscribers > MOST_WITH_BLOCKS) {
    throw new ArgumentRangeError('subscribers', `at most ${MOST_WITH_BLOCKS} with blocks`, sizes.subscribers);
  }
  if (!blocks.belongTo(id)) throw new ArgumentTypeError('blocks', 'of this broadcast alone', blocks);
}
