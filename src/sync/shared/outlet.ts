import { Chan, EMPTY } from '../chan.ts';
import type { ChanWaiter } from '../chan-waiter.ts';
import type { BroadcastLog } from './broadcast-log.ts';
import { Listener } from './listener.ts';
import { ListeningQueue } from './listening-queue.ts';
import { putValue } from './put-value.ts';
import type { SharedBlocks } from './shared-blocks.ts';
import type { Codec } from './values.ts';
import { serveSenders } from './waiters.ts';

/** Where a thread publishes: the end of a broadcast that values go into. */
export class Outlet<T> extends Chan<T> {
  readonly #log: BroadcastLog;
  readonly #codec: Codec<T> | null;
  readonly #blocks: SharedBlocks | null;

  constructor(log: BroadcastLog, codec: Codec<T> | null, blocks: SharedBlocks | null) {
    const senders = new ListeningQueue<ChanWaiter>();
    super(log.sizes.capacity, undefined, senders);
    // Another thread may end the wait.
    this.external = true;
    this.#log = log;
    this.#codec = codec;
    this.#blocks = blocks;
    senders.listener = new Listener(
      log.events,
      'room',
      () => log.hasRoom,
      () => serveSenders<T>(senders, (value) => this.#put(value)),
    );
  }

  override put(value: T): boolean {
    // Whoever waits comes first.
    return this.senders.first === null && this.#put(value);
  }

  #put(value: T): boolean {
    return putValue(this.#log, value, this.#codec, this.#blocks);
  }

  override take(): typeof EMPTY {
    return EMPTY;
  }

  override describe(): string {
    return `broadcast, ${this.#log.subscribers.active} subscribers`;
  }
}
