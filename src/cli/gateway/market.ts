import { now } from '../../runtime/clock.ts';
import { gosched } from '../../runtime/index.ts';
import type { Counters } from './counters.ts';
import type { Session } from './session.ts';

/** How long a broadcast may hold the event loop before others have a turn, in milliseconds. */
const BROADCAST_SLICE = 5;
/** The clock is looked at once in so many subscribers. */
const SUBSCRIBERS_PER_LOOK = 64;

/** A symbol that somebody is subscribed to. */
export interface Topic {
  readonly symbol: string;
  readonly subscribers: Set<Session>;
}

/** Who wants to know about which symbol. Symbols without subscribers take no memory. */
export class Market {
  readonly #topics = new Map<string, Topic>();
  readonly #maxSymbols: number;
  readonly #counters: Counters;

  constructor(maxSymbols: number, counters: Counters) {
    this.#maxSymbols = maxSymbols;
    this.#counters = counters;
  }

  /** The topic to subscribe to; null when there are too many symbols already. */
  topic(symbol: string): Topic | null {
    const known = this.#topics.get(symbol);
    if (known !== undefined) return known;
    if (this.#topics.size >= this.#maxSymbols) return null;
    const topic = { symbol, subscribers: new Set<Session>() };
    this.#topics.set(symbol, topic);
    this.#counters.symbols = this.#topics.size;
    return topic;
  }

  /** A topic that may have lost its last subscriber. */
  release(topic: Topic): void {
    if (topic.subscribers.size > 0) return;
    this.#topics.delete(topic.symbol);
    this.#counters.symbols = this.#topics.size;
  }

  /**
   * Sends a price to all subscribers: encoded once, copied into each connection's chain. A broadcast that takes long
   * goes behind the poller in between.
   */
  async publish(symbol: string, price: string): Promise<void> {
    this.#counters.ticksIn++;
    const topic = this.#topics.get(symbol);
    if (topic === undefined) return;
    const line = Buffer.from(`TICK ${symbol} ${price} ${Date.now()}\n`, 'latin1');
    let sent = 0;
    let start = now();
    for (const session of topic.subscribers) {
      session.tick(topic, line);
      if (++sent % SUBSCRIBERS_PER_LOOK !== 0 || now() - start < BROADCAST_SLICE) continue;
      await gosched();
      start = now();
    }
  }
}
