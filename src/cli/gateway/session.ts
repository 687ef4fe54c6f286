import { ClosedError, DeadlineExceededError, type TCPConn } from '../../net/index.ts';
import { go } from '../../runtime/index.ts';
import type { Gateway } from './gateway.ts';
import { type Carry, splitLines } from './line-splitter.ts';
import type { Topic } from './market.ts';
import { Outbox } from './outbox.ts';
import { parseLine, type Request } from './protocol.ts';

/** All sessions read into this: an idle connection has no buffer of its own. */
const shared = new Uint8Array(64 * 1024);

/**
 * One client: a goroutine that reads lines and answers them. There are tens of thousands of these, so that its
 * fields are few, and most of them empty.
 */
export class Session {
  readonly conn: TCPConn;
  readonly #gateway: Gateway;
  #topics: Topic[] | null = null;
  #carry: Uint8Array | null = null;
  #outbox: Outbox | null = null;
  #draining: Promise<void> | null = null;
  #errors = 0;

  constructor(gateway: Gateway, conn: TCPConn) {
    this.#gateway = gateway;
    this.conn = conn;
  }

  /** Serves the connection until its end. */
  async run(): Promise<void> {
    const { conn } = this;
    const { options, counters } = this.#gateway;
    try {
      conn.setReadTimeout(options.firstLineTimeout);
      for (;;) {
        await conn.waitReadable();
        for (let n = conn.tryRead(shared); n !== undefined; n = conn.tryRead(shared)) {
          if (n === null) {
            // Half closed: the replies still go out.
            await this.#draining;
            return;
          }
          if (!(await this.#received(shared.subarray(0, n)))) return;
        }
      }
    } catch (error) {
      if (error instanceof DeadlineExceededError && error.op === 'read') counters.droppedIdle++;
      else if (!(error instanceof ClosedError)) throw error;
    } finally {
      this.#leave();
    }
  }

  /** Answers what came; false ends the session. Nothing here may use `bytes` after its first await. */
  async #received(bytes: Uint8Array): Promise<boolean> {
    const { options, counters } = this.#gateway;
    let replies = '';
    let feeds: Promise<void>[] | null = null;
    const linesBefore = counters.lines;
    const flushReplies = () => {
      if (replies !== '') this.reply(Buffer.from(replies, 'latin1'));
      replies = '';
    };
    const rest: Carry = splitLines(this.#carry, bytes, (line) => {
      counters.lines++;
      const request = parseLine(line);
      if (request.kind === 'feed') {
        // Replies in the order of their lines, also beside a tick that this very line causes.
        flushReplies();
        feeds ??= [];
        feeds.push(this.#gateway.market.publish(request.symbol, request.price));
      } else {
        replies += this.#answer(request);
      }
      return this.#errors < options.maxErrors;
    });
    if (rest === 'too long') replies += 'ERR line too long\n';
    flushReplies();
    if (rest === 'too long' || this.#errors >= options.maxErrors) {
      counters.droppedErrors++;
      return false;
    }
    this.#carry = rest;
    if (counters.lines > linesBefore) this.conn.setReadTimeout(options.idleTimeout);
    if (feeds !== null) await Promise.all(feeds);
    if (this.#outbox?.full) await this.#draining;
    return true;
  }

  #answer(request: Exclude<Request, { kind: 'feed' }>): string {
    const { counters } = this.#gateway;
    switch (request.kind) {
      case 'order':
        counters.orders++;
        return `ACK ${request.id} ${this.#gateway.nextSequence()}\n`;
      case 'reject':
        counters.rejects++;
        return `REJ ${request.id} ${request.reason}\n`;
      case 'subscribe':
        return this.#subscribe(request.symbols);
      case 'unsubscribe':
        return this.#unsubscribe(request.symbols);
      case 'ping':
        return 'PONG\n';
      case 'stats':
        return `STATS ${Object.entries(counters)
          .map(([name, value]) => `${name}=${value}`)
          .join(' ')}\n`;
      case 'error':
        this.#errors++;
        return `ERR ${request.reason}\n`;
    }
  }

  #subscribe(symbols: string[]): string {
    const { options, counters, market } = this.#gateway;
    this.#topics ??= [];
    for (const symbol of symbols) {
      if (this.#topics.some((topic) => topic.symbol === symbol)) continue;
      if (this.#topics.length >= options.maxSubscriptions) return 'ERR too many subscriptions\n';
      const topic = market.topic(symbol);
      if (topic === null) return 'ERR too many symbols\n';
      topic.subscribers.add(this);
      this.#topics.push(topic);
      counters.subscriptions++;
    }
    return `OK SUB ${this.#topics.length}\n`;
  }

  #unsubscribe(symbols: string[]): string {
    const topics = this.#topics ?? [];
    this.#topics = topics.filter((topic) => !symbols.includes(topic.symbol));
    for (const topic of topics) if (symbols.includes(topic.symbol)) this.#forget(topic);
    return `OK UNSUB ${this.#topics.length}\n`;
  }

  #forget(topic: Topic): void {
    topic.subscribers.delete(this);
    this.#gateway.counters.subscriptions--;
    this.#gateway.market.release(topic);
  }

  #leave(): void {
    const topics = this.#topics ?? [];
    this.#topics = null;
    for (const topic of topics) this.#forget(topic);
  }

  // Outgoing

  reply(bytes: Uint8Array): void {
    if (this.#outbox !== null) this.#outbox.reply(bytes);
    else if (!this.#tryWrite(bytes)) this.#fallBehind().reply(bytes);
  }

  tick(topic: Topic, line: Uint8Array): void {
    const { counters } = this.#gateway;
    counters.ticksOut++;
    if (this.#outbox === null) {
      if (this.#tryWrite(line)) return;
      this.#fallBehind();
    }
    if (this.#outbox?.tick(topic, line)) {
      counters.conflated++;
      counters.ticksOut--;
    }
  }

  /** True also when the connection is gone: then its own goroutine is told, not whoever publishes. */
  #tryWrite(bytes: Uint8Array): boolean {
    try {
      return this.conn.tryWrite(bytes);
    } catch {
      this.conn.closeNow();
      return true;
    }
  }

  #fallBehind(): Outbox {
    const outbox = new Outbox(this.#gateway.options.queueLimit);
    this.#outbox = outbox;
    this.#draining = go(async () => {
      try {
        await outbox.drain(this.conn, this.#gateway.options.writeTimeout);
        this.conn.setWriteTimeout(null);
        this.#outbox = null;
        this.#draining = null;
      } catch (error) {
        if (error instanceof DeadlineExceededError) this.#gateway.counters.droppedSlow++;
        // The reading goroutine ends with it.
        this.conn.closeNow();
      }
    }).done;
    return outbox;
  }

  /** Sends what is still queued, then closes. */
  async finish(): Promise<void> {
    await this.#draining;
    await this.conn[Symbol.asyncDispose]();
  }
}
