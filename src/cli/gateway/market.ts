import { spend } from '../../runtime/budget.ts';
import { gosched } from '../../runtime/index.ts';
import type { Counters } from './counters.ts';
import type { Session } from './session.ts';

/**
 * Subscribers that a broadcast serves before the event loop has its turn. Each is a system call when the turn ends,
 * about 5 us: the clock inside the turn does not see them.
 */
const SUBSCRIBERS_PER_TURN = 1024;

/** A symbol that somebody is subscribed to. */
export interface Topic {
  readonly symbol: string;
  readonly subscribers: Set<Session>;
}

/** Where prices go that are published, when not straight to the subscribers of this thread. */
export interface Exchange {
  /** A promise when it has enough: publish nothing more before that. It does not reject. */
  publish(symbol: string, price: string): Promise<void> | null;
}

/** Who wants to know about which symbol. Symbols without subscribers take no memory. */
export class Market {
  readonly #topics = new Map<string, Topic>();
  readonly #maxSymbols: number;
  readonly #counters: Counters;
  readonly #exchange: Exchange | null;
  /** The last of the broadcasts under way; null: none. */
  #last: Promise<void> | null = null;
  #servedThisTurn = 0;

  constructor(maxSymbols: number, counters: Counters, exchange: Exchange | null = null) {
    this.#exchange = exchange;
    this.#maxSymbols = maxSymbols;
    this.#counters = counters;
  }

  isSubscribed(symbol: string, session: Session): boolean {
    return this.#topics.get(symbol)?.subscribers.has(session) ?? false;
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
   * Sends a price to all subscribers, or to where all get them from. `null`: done. Otherwise others must have a turn in
   * between, and the promise resolves when it is done: publish nothing before that.
   */
  publish(symbol: string, price: string): Promise<void> | null {
    this.#counters.ticksIn++;
    if (this.#exchange !== null) return this.#exchange.publish(symbol, price);
    const topic = this.#topics.get(symbol);
    return topic === undefined ? null : this.#send(topic, `TICK ${symbol} ${price} ${Date.now()}\n`);
  }

  /** Sends a tick to all subscribers, as `publish`. */
  deliver(symbol: string, line: string): Promise<void> | null {
    const topic = this.#topics.get(symbol);
    return topic === undefined ? null : this.#send(topic, line);
  }

  /**
   * A line is encoded once and copied into each connection's chain. Broadcasts are done one after the other, so that
   * everybody sees the same order of prices.
   */
  #send(topic: Topic, text: string): Promise<void> | null {
    const line = Buffer.from(text, 'latin1');
    const left = topic.subscribers.values();
    if (this.#last === null && this.#serve(topic, left, line)) return null;
    const broadcast = this.#broadcast(topic, left, line, this.#last).then(() => {
      if (this.#last === broadcast) this.#last = null;
    });
    this.#last = broadcast;
    return broadcast;
  }

  async #broadcast(
    topic: Topic,
    left: Iterator<Session>,
    line: Uint8Array,
    before: Promise<void> | null,
  ): Promise<void> {
    if (before !== null) await before;
    else await this.#turn();
    while (!this.#serve(topic, left, line)) await this.#turn();
  }

  async #turn(): Promise<void> {
    await gosched();
    this.#servedThisTurn = 0;
  }

  /** Serves subscribers until all are (true), or it is the others' turn. */
  #serve(topic: Topic, left: Iterator<Session>, line: Uint8Array): boolean {
    for (;;) {
      if (this.#servedThisTurn >= SUBSCRIBERS_PER_TURN || spend()) return false;
      const next = left.next();
      if (next.done) return true;
      this.#servedThisTurn++;
      next.value.tick(topic, line);
    }
  }
}
