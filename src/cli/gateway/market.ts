import { spend } from '../../runtime/budget.ts';
import { gosched } from '../../runtime/index.ts';
import type { Counters } from './counters.ts';
import type { History } from './history.ts';
import type { Session } from './session.ts';

/**
 * Subscribers that a broadcast serves before the event loop has its turn. Each is a system call when the turn ends,
 * about 5 us: the clock inside the turn does not see them.
 */
const SUBSCRIBERS_PER_TURN = 1024;

/** Of what somebody has missed. */
const LINES_PER_PIECE = 256;

/** A symbol that somebody is subscribed to. */
export interface Topic {
  readonly symbol: string;
  readonly subscribers: Set<Session>;
}

/** A tick that the whole market knows by a number. */
interface NumberedTick {
  readonly symbol: string;
  readonly sequence: number;
  readonly line: string;
}

/** A tick on its way to the subscribers. */
interface Broadcast {
  readonly topic: Topic;
  readonly numbered: NumberedTick | null;
  /** Who has yet to get it. */
  readonly left: Iterator<Session>;
  readonly line: Uint8Array;
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
  /** The last ticks, where they have numbers; null: they have none. */
  readonly history: History | null;
  /** The last of the broadcasts under way; null: none. */
  #last: Promise<void> | null = null;
  #servedThisTurn = 0;

  constructor(
    maxSymbols: number,
    counters: Counters,
    exchange: Exchange | null = null,
    history: History | null = null,
  ) {
    this.#exchange = exchange;
    this.history = history;
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

  /** Sends a tick to all subscribers, as `publish`. `sequence`: its number, where there is a history. */
  deliver(symbol: string, line: string, sequence: number | null = null): Promise<void> | null {
    const topic = this.#topics.get(symbol);
    const numbered = sequence === null ? null : { symbol, sequence, line };
    if (topic !== undefined) return this.#send(topic, line, numbered);
    this.#keep(numbered);
    return null;
  }

  /** Why nobody can be told here what came after tick `after`; null: everything is there. */
  cannotTell(after: number): string | null {
    if (this.history === null) return 'ticks have no numbers here';
    const { first, last } = this.history;
    if (after < first) return `gone, ticks are kept after ${first}`;
    return after > last ? `not there yet, the last tick is ${last}` : null;
  }

  /** The ticks of these symbols after number `after`, in pieces. */
  replay(symbols: readonly string[], after: number): string[] {
    const lines = this.history!.since(after, new Set(symbols));
    const pieces: string[] = [];
    for (let i = 0; i < lines.length; i += LINES_PER_PIECE) {
      pieces.push(lines.slice(i, i + LINES_PER_PIECE).join(''));
    }
    return pieces;
  }

  /** Here, and not before, who comes newly needs to be told: those who came meanwhile were among its subscribers. */
  #keep(tick: NumberedTick | null): void {
    if (tick !== null) this.history?.add(tick.symbol, tick.sequence, tick.line);
  }

  /**
   * A line is encoded once and copied into each connection's chain. Broadcasts are done one after the other, so that
   * everybody sees the same order of prices.
   */
  #send(topic: Topic, text: string, numbered: NumberedTick | null = null): Promise<void> | null {
    const broadcast: Broadcast = {
      topic,
      numbered,
      left: topic.subscribers.values(),
      line: Buffer.from(text, 'latin1'),
    };
    if (this.#last === null && this.#serve(broadcast)) return null;
    const going = this.#goOn(broadcast, this.#last).then(() => {
      if (this.#last === going) this.#last = null;
    });
    this.#last = going;
    return going;
  }

  async #goOn(broadcast: Broadcast, before: Promise<void> | null): Promise<void> {
    if (before !== null) await before;
    else await this.#turn();
    while (!this.#serve(broadcast)) await this.#turn();
  }

  async #turn(): Promise<void> {
    await gosched();
    this.#servedThisTurn = 0;
  }

  /** Serves subscribers until all are (true), or it is the others' turn. */
  #serve({ topic, left, line, numbered }: Broadcast): boolean {
    for (;;) {
      if (this.#servedThisTurn >= SUBSCRIBERS_PER_TURN || spend()) return false;
      const next = left.next();
      if (next.done) {
        this.#keep(numbered);
        return true;
      }
      this.#servedThisTurn++;
      next.value.tick(topic, line);
    }
  }
}
