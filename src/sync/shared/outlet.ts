import { Chan, EMPTY } from '../chan.ts';
import type { ChanWaiter } from '../chan-waiter.ts';
import { SendOnClosedError } from '../errors.ts';
import type { BroadcastLog } from './broadcast-log.ts';
import { TooManySendersError, ValueTooLargeError } from './errors.ts';
import { Listener } from './listener.ts';
import { ListeningQueue } from './listening-queue.ts';
import { CLOSED, NO_LANE, PUT } from './records.ts';
import { SharedBlock, type SharedBlocks } from './shared-blocks.ts';
import { type Codec, encode } from './values.ts';

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
      () => this.#serveSenders(),
    );
  }

  override put(value: T): boolean {
    // Whoever waits comes first.
    return this.senders.first === null && this.#put(value);
  }

  #put(value: T): boolean {
    if (value instanceof SharedBlock) return this.#putBlock(value);
    const { kind, bytes } = encode(value, this.#codec);
    const most = this.#log.sizes.bytes;
    if (bytes.length > most) throw new ValueTooLargeError(bytes.length, most);
    return this.#putBytes(kind, bytes);
  }

  #putBlock(block: SharedBlock): boolean {
    const { kind, bytes } = block.sending(this.#blocks);
    let went = false;
    try {
      went = this.#putBytes(kind, bytes);
    } finally {
      block.gone(went);
    }
    return went;
  }

  #putBytes(kind: number, bytes: Uint8Array): boolean {
    const result = this.#log.put(kind, bytes, this.#blocks);
    if (result === CLOSED) throw new SendOnClosedError();
    if (result === NO_LANE) throw new TooManySendersError();
    return result === PUT;
  }

  override take(): typeof EMPTY {
    return EMPTY;
  }

  /** Whether somebody still waits for room. */
  #serveSenders(): boolean {
    const { senders } = this;
    for (let waiter = senders.first; waiter !== null; waiter = senders.first) {
      try {
        if (!this.#put(waiter.value as T)) return true;
        senders.remove(waiter);
        waiter.sent();
      } catch (error) {
        waiter.failed(error);
      }
    }
    return false;
  }

  override describe(): string {
    return `broadcast, ${this.#log.subscribers.active} subscribers`;
  }
}
