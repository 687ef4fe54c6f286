import { escapeText } from '../../../runtime/escape.ts';
import { go, sleep } from '../../../runtime/index.ts';
import { isSymbol } from '../protocol.ts';
import type { Connection, ConsumerMessages, JetStream, JetStreamManager } from './client.ts';
import { symbolOf } from './subjects.ts';

/** How often an idle server says that it is there: after two that do not come, another attempt. Milliseconds. */
const HEARTBEAT = 2000;
/** Ticks that are fetched ahead. */
const AHEAD = 1000;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;

const PRICE = /^\d{1,12}(?:\.\d{1,8})? \d{1,15}$/;

/** Takes a tick; a promise: not so fast. */
export type Sink = (symbol: string, line: string, sequence: number) => Promise<void> | null;

/**
 * Follows a stream from a number on: each tick once, in order, whatever becomes of the connection. After an interruption it
 * asks for what comes behind the last one.
 */
export class Follower {
  readonly #jetstream: JetStream;
  readonly #connection: Connection;
  readonly #manager: JetStreamManager;
  readonly #stream: string;
  readonly #sink: Sink;
  #last: number;
  #messages: ConsumerMessages | null = null;
  #closed = false;
  #complained = false;
  /** By this the stream is told from another one of its name. */
  #created = '';
  #done: Promise<void> = Promise.resolve();

  /** `last`: the number of the tick before the first that is wanted. */
  constructor(
    jetstream: JetStream,
    { connection, manager }: { connection: Connection; manager: JetStreamManager },
    stream: string,
    last: number,
    sink: Sink,
  ) {
    this.#jetstream = jetstream;
    this.#connection = connection;
    this.#manager = manager;
    this.#stream = stream;
    this.#last = last;
    this.#sink = sink;
  }

  start(): void {
    go(() => this.#watchConnection()).markInternal();
    const following = go(() => this.#follow());
    following.markInternal();
    this.#done = following.done;
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect') console.error('gopark gateway: NATS: the connection is lost');
      if (type !== 'reconnect') continue;
      console.error('gopark gateway: NATS: connected again');
      // What the server knew of us may be gone: ask anew.
      this.#messages?.stop();
    }
  }

  async #follow(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!this.#closed) {
      try {
        const before = this.#last;
        await this.#followOnce();
        if (this.#last > before) pause = FIRST_PAUSE;
      } catch (error) {
        if (this.#closed || this.#connection.isClosed()) return;
        this.#complain(error as Error);
      }
      if (this.#closed) return;
      await sleep(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  /** Once, until ticks come again. */
  #complain({ message }: Error): void {
    if (this.#complained) return;
    this.#complained = true;
    console.error(`gopark gateway: NATS: no ticks: ${escapeText(message)}`);
  }

  async #followOnce(): Promise<void> {
    const { state, created } = await this.#manager.streams.info(this.#stream);
    if (state.last_seq < this.#last) {
      // Another one of that name; or the same, whose server has lost its last ticks: these will not come again.
      this.#last = created === this.#created ? state.last_seq : 0;
      console.error(`gopark gateway: NATS: the stream ${this.#stream} goes on at ${this.#last + 1}`);
    }
    this.#created = created;
    const client = this.#jetstream.jetstream(this.#connection);
    const consumer = await client.consumers.get(this.#stream, {
      deliver_policy: this.#jetstream.DeliverPolicy.StartSequence,
      opt_start_seq: this.#last + 1,
    });
    const messages = await consumer.consume({ idle_heartbeat: HEARTBEAT, max_messages: AHEAD });
    this.#messages = messages;
    if (this.#closed) messages.stop();
    go(async () => {
      for await (const { type } of messages.status()) if (type === 'heartbeats_missed') messages.stop();
    }).markInternal();
    for await (const message of messages) {
      this.#complained = false;
      const { seq } = message;
      // Of a consumer that was made for us alone, after an interruption: seen already.
      if (seq <= this.#last) continue;
      const missed = seq - this.#last - 1;
      if (missed > 0 && this.#last > 0) {
        console.error(
          `gopark gateway: NATS: ${missed} ticks were gone from the stream before they came here`,
        );
      }
      this.#last = seq;
      const symbol = symbolOf(this.#stream, message.subject);
      const text = message.string();
      // Somebody else may publish there, too: nothing that is no price gets into lines.
      if (!isSymbol(symbol) || !PRICE.test(text)) {
        console.error(`gopark gateway: NATS: message ${seq} is no price`);
        continue;
      }
      const busy = this.#sink(symbol, `TICK ${symbol} ${text} ${seq}\n`, seq);
      if (busy !== null) await busy;
      if (this.#closed) return;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#messages?.stop();
    await this.#done;
  }
}
