import { ClosedError, DeadlineExceededError, OpError, type TCPConn } from '../../net/index.ts';
import { spend } from '../../runtime/budget.ts';
import { go, gosched } from '../../runtime/index.ts';
import type { Gateway } from './gateway.ts';
import type { Asker } from './journal/answering.ts';
import { Answers } from './journal/answers.ts';
import { splitLines } from './line-splitter.ts';
import { lingeringClose } from './lingering-close.ts';
import type { Topic } from './market.ts';
import { Outbox } from './outbox.ts';
import { parseLine, type Request } from './protocol.ts';

/** All sessions read into this: an idle connection has no buffer of its own. */
const shared = new Uint8Array(64 * 1024);
/** Replies are sent when they are this long, and a peer that does not take them is not read from. */
const MOST_REPLIES = 16 * 1024;

/** What stands between a session and its next read. */
interface Pause {
  /** Others have their turn. */
  readonly turn: Promise<void> | null;
  /** What came already and has not been answered. */
  readonly rest: Uint8Array | null;
  /** The gateway ends the session then. */
  readonly ends: boolean;
}

type Order = Extract<Request, { kind: 'order' }>;

/**
 * One client: a goroutine that reads lines and answers them. There are tens of thousands of these, so that its
 * fields are few, and most of them empty.
 */
export class Session implements Asker {
  readonly conn: TCPConn;
  readonly #gateway: Gateway;
  #topics: Topic[] | null = null;
  #carry: Uint8Array | null = null;
  #outbox: Outbox | null = null;
  /** Replies that wait for the journal; null: none do. */
  #answers: Answers | null = null;
  #errors = 0;

  constructor(gateway: Gateway, conn: TCPConn) {
    this.#gateway = gateway;
    this.conn = conn;
  }

  /** Serves the connection until its end. What it holds while it waits, every idle connection costs. */
  async run(): Promise<void> {
    let failure: unknown = null;
    try {
      this.conn.setReadTimeout(this.#gateway.options.firstLineTimeout);
      for (;;) {
        await this.conn.waitReadable();
        const goesOn = this.read();
        if (goesOn !== null && !(await goesOn)) break;
      }
    } catch (error) {
      failure = error;
    }
    this.end(failure);
  }

  private end(failure: unknown): void {
    const { counters } = this.#gateway;
    if (failure instanceof DeadlineExceededError && failure.op === 'read') {
      counters.droppedIdle++;
      this.reply(Buffer.from('ERR timeout\n', 'latin1'));
    } else if (failure instanceof OpError && !(failure instanceof ClosedError)) {
      counters.resets++;
    }
    this.leave();
    this.#gateway.ended(this);
    // The peer's ways to go, and a close by this side, are no news in a gateway's life.
    if (failure !== null && !(failure instanceof OpError)) throw failure;
  }

  /** Answers what there is. `null`: all of it; else whether the session goes on, once others have had their turn. */
  private read(): Promise<boolean> | null {
    if (this.journalIsFull) {
      return this.catchUp({ turn: this.#gateway.journal!.waitForRoom(), rest: null, ends: false });
    }
    for (let n = this.conn.tryRead(shared); n !== undefined; n = this.conn.tryRead(shared)) {
      if (n === null) return this.finishSending();
      const next = this.received(this.#carry, shared.subarray(0, n));
      if (next !== null) return this.catchUp(next);
    }
    return null;
  }

  /** Half closed: what has been asked for still goes out. */
  private async finishSending(): Promise<false> {
    await this.#answers?.allOut;
    await this.#outbox?.drained;
    return false;
  }

  /** Answers lines until there are none, others must have a turn, or the peer does not take the answers. */
  private received(carry: Uint8Array | null, bytes: Uint8Array): Pause | null {
    const { options, counters, market } = this.#gateway;
    let replies = '';
    let turn = null as Promise<void> | null;
    let stopped = false as boolean;
    const linesBefore = counters.lines;
    const rest = splitLines(carry, bytes, (line) => {
      counters.lines++;
      const request = parseLine(line);
      if (request.kind === 'feed') {
        // Replies in the order of their lines, also beside a tick that this very line causes.
        this.say(replies);
        replies = '';
        const { symbol, price } = request;
        turn =
          this.#answers === null
            ? market.publish(symbol, price)
            : this.#answers.allOut.then(() => market.publish(symbol, price) ?? undefined);
      } else if (request.kind === 'order') {
        replies = this.take(request, replies);
      } else {
        replies += this.answer(request);
      }
      // A peer that sends as fast as it can must not hold the event loop: every line counts as an operation.
      if (turn === null && spend()) turn = gosched();
      stopped =
        turn !== null ||
        replies.length + (this.#answers?.length ?? 0) >= MOST_REPLIES ||
        this.#errors >= options.maxErrors ||
        this.journalIsFull;
      return !stopped;
    });
    if (rest === 'too long') replies += 'ERR line too long\n';
    if (this.#errors >= options.maxErrors) replies += 'ERR too many errors\n';
    const ends = rest === 'too long' || this.#errors >= options.maxErrors;
    if (ends) counters.droppedErrors++;
    this.say(replies);
    if (rest === 'too long' || ends) return { turn, rest: null, ends };
    // While its orders wait for the disk, it is not the peer that is silent.
    if (counters.lines > linesBefore) {
      this.conn.setReadTimeout(this.#answers === null ? options.idleTimeout : null);
    }
    this.#carry = null;
    if (stopped || turn !== null || this.isBehind) return { turn, rest, ends };
    this.#carry = rest;
    return null;
  }

  /** Whether so many replies wait, for the peer or for the journal, that no more requests are read. */
  private get isBehind(): boolean {
    return this.#outbox?.full === true || (this.#answers !== null && this.#answers.length >= MOST_REPLIES);
  }

  /** Takes an order. The replies before it, and its own when that is known at once; else it follows by itself. */
  private take({ id, order }: Order, replies: string): string {
    const { journal } = this.#gateway;
    const sequence = this.#gateway.nextSequence();
    if (journal === null) {
      this.#gateway.counters.orders++;
      return `${replies}ACK ${id} ${sequence}\n`;
    }
    const fate = journal.append(sequence, order, this);
    if (fate.settled && this.#answers === null) {
      this.#gateway.journaled(fate.error);
      return `${replies}${fate.error === null ? `ACK ${id} ${sequence}` : `REJ ${id} not journaled`}\n`;
    }
    this.say(replies);
    this.#answers ??= new Answers();
    this.#answers.order(id, sequence, fate);
    return '';
  }

  /** Replies, behind those that wait for the journal. */
  private say(replies: string): void {
    if (this.#answers !== null) this.#answers.text(replies);
    else if (replies !== '') this.reply(Buffer.from(replies, 'latin1'));
  }

  /** The journal has orders of this session, or has failed to take them. */
  answerKnown(): void {
    const answers = this.#answers;
    // Another batch's news may have brought this one's replies along.
    if (answers === null) return;
    const replies = answers.take((failure) => this.#gateway.journaled(failure));
    if (replies !== '') this.reply(Buffer.from(replies, 'latin1'));
    if (!answers.empty) return;
    this.#answers = null;
    // The time that the disk took is not the peer's silence.
    if (!this.conn.fd.closed) this.conn.setReadTimeout(this.#gateway.options.idleTimeout);
    answers.emptied();
  }

  private get journalIsFull(): boolean {
    const { journal } = this.#gateway;
    return journal !== null && !journal.hasRoom;
  }

  /** Waits as long as it takes to go on reading; false: the session has ended. */
  private async catchUp(next: Pause | null): Promise<boolean> {
    while (next !== null) {
      if (next.turn !== null) await next.turn;
      if (next.ends) {
        await this.#answers?.allOut;
        await this.dismiss();
        return false;
      }
      if (this.#outbox?.full) await this.#outbox.drained;
      if (this.isBehind) await this.#answers?.allOut;
      if (next.rest === null) return true;
      if (this.journalIsFull) await this.#gateway.journal!.waitForRoom();
      else next = this.received(null, next.rest);
    }
    return true;
  }

  private answer(request: Exclude<Request, { kind: 'feed' | 'order' }>): string {
    const { counters } = this.#gateway;
    switch (request.kind) {
      case 'reject':
        counters.rejects++;
        return `REJ ${request.id} ${request.reason}\n`;
      case 'subscribe':
        return this.subscribe(request.symbols);
      case 'unsubscribe':
        return this.unsubscribe(request.symbols);
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

  private subscribe(symbols: string[]): string {
    const { options, counters, market } = this.#gateway;
    const topics = this.#topics ?? [];
    const topicsBefore = topics.length;
    let failed = '';
    for (const symbol of symbols) {
      if (market.isSubscribed(symbol, this)) continue;
      if (topics.length >= options.maxSubscriptions) failed = 'ERR too many subscriptions\n';
      const topic = failed === '' ? market.topic(symbol) : null;
      if (topic === null) {
        failed ||= 'ERR too many symbols\n';
        break;
      }
      topic.subscribers.add(this);
      topics.push(topic);
    }
    counters.subscriptions += topics.length - topicsBefore;
    // An array that has grown holds room for many more.
    this.#topics = topics.slice();
    return failed || `OK SUB ${topics.length}\n`;
  }

  private unsubscribe(symbols: string[]): string {
    const given = new Set(symbols);
    const topics = this.#topics ?? [];
    this.#topics = topics.filter((topic) => !given.has(topic.symbol));
    for (const topic of topics) if (given.has(topic.symbol)) this.forget(topic);
    return `OK UNSUB ${this.#topics.length}\n`;
  }

  private forget(topic: Topic): void {
    topic.subscribers.delete(this);
    this.#gateway.counters.subscriptions--;
    this.#gateway.market.release(topic);
  }

  private leave(): void {
    const topics = this.#topics ?? [];
    this.#topics = null;
    for (const topic of topics) this.forget(topic);
  }

  // Outgoing

  reply(bytes: Uint8Array): void {
    if (this.#outbox !== null) this.#outbox.reply(bytes);
    else if (!this.tryWrite(bytes)) this.fallBehind().reply(bytes);
  }

  tick(topic: Topic, line: Uint8Array): void {
    const { counters } = this.#gateway;
    if (this.#outbox === null) {
      if (this.tryWrite(line)) {
        counters.ticksOut++;
        return;
      }
      this.fallBehind();
    }
    if (this.#outbox!.tick(topic, line)) counters.conflated++;
    else counters.ticksOut++;
  }

  /** True also when the connection is gone: then its own goroutine is told, not whoever publishes. */
  private tryWrite(bytes: Uint8Array): boolean {
    try {
      return this.conn.tryWrite(bytes);
    } catch (error) {
      if (!(error instanceof OpError)) throw error;
      if (!(error instanceof ClosedError)) this.#gateway.counters.resets++;
      this.conn.closeNow();
      return true;
    }
  }

  private fallBehind(): Outbox {
    const outbox = new Outbox(this.#gateway.options.queueLimit);
    this.#outbox = outbox;
    outbox.drained = go(async () => {
      try {
        // Something may have been added between the last piece and here.
        while (!outbox.empty) await outbox.drain(this.conn, this.#gateway.options.writeTimeout);
        this.#outbox = null;
      } catch (error) {
        if (!(error instanceof OpError)) throw error;
        if (error instanceof DeadlineExceededError) this.#gateway.counters.droppedSlow++;
        // The reading goroutine ends with it.
        this.conn.closeNow();
      }
    }).done;
    return outbox;
  }

  /** The gateway ends the session: the last reply still arrives. */
  private async dismiss(): Promise<void> {
    this.leave();
    await this.#outbox?.drained;
    await lingeringClose(this.conn);
  }

  /** Says that the gateway closes, sends what is still queued, then closes. */
  async finish(): Promise<void> {
    await this.#answers?.allOut;
    this.reply(Buffer.from('ERR shutting down\n', 'latin1'));
    await this.#outbox?.drained;
    await this.conn[Symbol.asyncDispose]();
  }
}
