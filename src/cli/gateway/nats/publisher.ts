import { randomUUID } from 'node:crypto';
import { go, sleep } from '../../../runtime/index.ts';
import type { Exchange } from '../market.ts';
import type { JetStreamClient } from './client.ts';
import { subjectOf } from './subjects.ts';

/** Prices under way at a time. */
const WINDOW = 256;
/** When so many wait, who publishes waits as well. */
const MOST_WAITING = 4096;
/** What has no answer by then is sent again, in milliseconds. */
const PATIENCE = 2000;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;

interface Price {
  readonly symbol: string;
  readonly text: string;
  /** By this the server knows what it has already. */
  readonly id: string;
}

/**
 * Publishes prices, each until the stream has it, in order: prices of a symbol never go back in time. A price that
 * failed while a later one of its symbol went through is not sent again.
 */
export class Publisher implements Exchange {
  readonly #client: JetStreamClient;
  readonly #stream: string;
  readonly #self = randomUUID();
  #published = 0;
  readonly #waiting: Price[] = [];
  #running = false;
  #room: Promise<void> | null = null;
  #thereIsRoom = () => {};
  #whenIdle = () => {};
  #closed = false;

  constructor(client: JetStreamClient, stream: string) {
    this.#client = client;
    this.#stream = stream;
  }

  publish(symbol: string, price: string): Promise<void> | null {
    this.#waiting.push({ symbol, text: `${price} ${Date.now()}`, id: `${this.#self}-${++this.#published}` });
    if (!this.#running) {
      this.#running = true;
      go(() => this.#run()).markInternal();
    }
    if (this.#waiting.length < MOST_WAITING) return null;
    this.#room ??= new Promise((resolve) => {
      this.#thereIsRoom = resolve;
    });
    return this.#room;
  }

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (this.#waiting.length > 0 && !this.#closed) {
      const window = this.#waiting.slice(0, WINDOW);
      const results = await Promise.allSettled(window.map((price) => this.#send(price)));
      const arrived = results.map(({ status }) => status === 'fulfilled');
      this.#waiting.splice(0, window.length, ...stillToSend(window, arrived));
      if (this.#waiting.length < MOST_WAITING && this.#room !== null) {
        this.#room = null;
        this.#thereIsRoom();
      }
      if (arrived.every((one) => one)) {
        pause = FIRST_PAUSE;
      } else {
        await sleep(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
    this.#running = false;
    this.#whenIdle();
  }

  async #send({ symbol, text, id }: Price): Promise<void> {
    await this.#client.publish(subjectOf(this.#stream, symbol), text, { msgID: id, timeout: PATIENCE });
  }

  /** Waits for what is under way, `timeout` milliseconds at most. How many prices the stream has not got. */
  async close(timeout: number): Promise<number> {
    if (this.#running) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
      const enough = new AbortController();
      await Promise.race([idle, sleep(timeout, { signal: enough.signal }).catch(() => {})]);
      enough.abort();
    }
    this.#closed = true;
    this.#room = null;
    this.#thereIsRoom();
    return this.#waiting.length;
  }
}

/** Those that have not arrived, without those that a later one has made old. */
export function stillToSend<P extends { readonly symbol: string }>(
  window: readonly P[],
  arrived: readonly boolean[],
): P[] {
  const newer = new Set<string>();
  const left: P[] = [];
  for (let i = window.length - 1; i >= 0; i--) {
    const price = window[i]!;
    if (arrived[i]) newer.add(price.symbol);
    else if (!newer.has(price.symbol)) left.push(price);
  }
  return left.reverse();
}
