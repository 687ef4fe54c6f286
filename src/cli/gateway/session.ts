import type { Connection } from '../../eventloop/index.ts';
import { ClosedError, DeadlineExceededError, OpError } from '../../net/index.ts';
import { spend } from '../../runtime/budget.ts';
import { go, gosched } from '../../runtime/index.ts';
import type { Place } from './admission.ts';
import { encoded } from './encoded.ts';
import type { Hall } from './hall.ts';
import type { Asker } from './journal/answering.ts';
import { Answers } from './journal/answers.ts';
import { splitLines } from './line-splitter.ts';
import { lingeringClose } from './lingering-close.ts';
import type { Topic } from './market.ts';
import { Outbox } from './outbox.ts';
import { parseLine, type Request } from './protocol.ts';
import { subscribe, type Topics, unsubscribe } from './subscriptions.ts';

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
 * One client: lines come, and are answered right there, in the callback of the event loop that brings them. Only a
 * session that has to wait becomes a goroutine, for as long as that takes. There are tens of thousands of these, so
 * that its fields are few, and most of them empty.
 */
export class Session implements Asker {
  readonly conn: Connection;
  readonly place: Place;
  /** The tick at which the peer has been silent for too long; 0: never. */
  deadline: number;
  readonly #gateway: Hall;
  #topics: Topics = null;
  #carry: Uint8Array | null = null;
  #outbox: Outbox | null = null;
  /** Replies that wait for the journal; null: none do. */
  #answers: Answers | null = null;
  #errors = 0;
  /** Something is waited for before the next line is read. */
  #waits = false;
  /** The peer will send nothing more: what it has asked for still goes out. */
  #finishing = false;
  #over = false;

  constructor(gateway: Hall, conn: Connection, place: Place) {
    this.#gateway = gateway;
    this.conn = conn;
    this.place = place;
    this.deadline = gateway.silence.first();
  }

  /** Bytes have come. */
  arrived(): void {
    if (this.#waits || this.#over) return;
    try {
      const next = this.read();
      if (next !== null) this.wait(next);
    } catch (error) {
      this.failed(error);
    }
  }

  /** The peer has ended its stream, or the connection has broken. */
  departed(): void {
    if (!this.conn.isActive) {
      this.broken();
    } else {
      this.#finishing = true;
      if (!this.#waits) this.finishSending();
    }
  }

  private broken(): void {
    if (!this.#over) this.#gateway.counters.resets++;
    this.drop();
  }

  /** Closes at once, whatever is still to be sent. */
  drop(): void {
    this.conn.closeNow();
    this.end();
  }

  /** Closes; what was written still goes out. */
  private async close(): Promise<void> {
    this.end();
    await this.conn[Symbol.asyncDispose]();
  }

  private end(): void {
    if (this.#over) return;
    this.#over = true;
    this.leave();
    this.#gateway.ended(this);
  }

  /** The peer was silent for too long. */
  expire(): void {
    // It is not the peer that is waited for.
    if (this.#waits || this.#over) return;
    this.#gateway.counters.droppedIdle++;
    this.send('ERR timeout\n');
    this.run(() => this.close());
  }

  /** Answers what there is; null: all of it, else what must be waited for. */
  private read(): Pause | null {
    const { reader } = this.conn;
    for (let n = reader.len; n > 0; n = reader.len) {
      if (this.journalIsFull) return { turn: this.#gateway.journal!.waitForRoom(), rest: null, ends: false };
      const next = this.received(this.#carry, reader.tryNext(n)!);
      if (next !== null) return next;
    }
    return null;
  }

  /** Nothing more is read until that is over. */
  private wait(next: Pause): void {
    this.#waits = true;
    this.conn.pause();
    this.run(async () => {
      let pause: Pause | null = next;
      while (pause !== null) {
        if (!(await this.catchUp(pause))) return;
        pause = this.#over ? null : this.read();
        this.conn.reader.release();
      }
      if (this.#over) return;
      this.#waits = false;
      this.conn.resume();
      if (this.#finishing) await this.answerAll();
    });
  }

  /** Half closed: what has been asked for still goes out. */
  private finishSending(): void {
    // Nearly always nothing is left to send: thousands that leave at once become no goroutines.
    if (this.#answers === null && this.#outbox === null) {
      this.close().catch((error: unknown) => this.failed(error));
    } else {
      this.run(() => this.answerAll());
    }
  }

  private async answerAll(): Promise<void> {
    this.#waits = true;
    await this.#answers?.allOut;
    await this.#outbox?.drained;
    await this.close();
  }

  /** A goroutine of this session; a bug in it ends the session, not the gateway. */
  private run(fn: () => Promise<void>): void {
    go(async () => {
      try {
        await fn();
      } catch (error) {
        this.failed(error);
      }
    });
  }

  private failed(error: unknown): void {
    this.drop();
    // The peer's ways to go are no news in a gateway's life.
    if (!(error instanceof OpError)) this.#gateway.failed(error, this);
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
      this.deadline = this.#answers === null ? this.#gateway.silence.next() : 0;
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
    else if (replies !== '') this.send(replies);
  }

  /** The journal has orders of this session, or has failed to take them. */
  answerKnown(): void {
    const answers = this.#answers;
    // Another batch's news may have brought this one's replies along.
    if (answers === null) return;
    const replies = answers.take((failure) => this.#gateway.journaled(failure));
    if (replies !== '') this.send(replies);
    if (!answers.empty) return;
    this.#answers = null;
    // The time that the disk took is not the peer's silence.
    this.deadline = this.#gateway.silence.next();
    answers.emptied();
  }

  private get journalIsFull(): boolean {
    const { journal } = this.#gateway;
    return journal !== null && !journal.hasRoom;
  }

  /** Waits as long as it takes to go on reading; false: the session has ended. */
  private async catchUp(next: Pause | null): Promise<boolean> {
    while (next !== null && !this.#over) {
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
        return this.subscribe(request.symbols, request.after);
      case 'unsubscribe':
        return this.unsubscribe(request.symbols);
      case 'ping':
        return 'PONG\n';
      case 'stats':
        return `STATS ${Object.entries(this.#gateway.stats())
          .map(([name, value]) => `${name}=${value}`)
          .join(' ')}\n`;
      case 'error':
        this.#errors++;
        return `ERR ${request.reason}\n`;
    }
  }

  private subscribe(symbols: string[], after: number | null): string {
    const { market } = this.#gateway;
    const refusal = after === null ? null : market.cannotTell(after);
    if (refusal !== null) return `ERR ${refusal}\n`;
    const { topics, failed } = subscribe(this.#gateway, this, this.#topics, symbols);
    this.#topics = topics;
    // Before any later tick. What is missed by who is slow would not be told again: these are no ticks to be conflated.
    if (after !== null && failed === '') {
      for (const piece of market.replay(symbols, after)) this.send(piece);
    }
    return failed || `OK SUB ${topics.length}\n`;
  }

  private unsubscribe(symbols: string[]): string {
    this.#topics = unsubscribe(this.#gateway, this, this.#topics, symbols);
    return `OK UNSUB ${this.#topics.length}\n`;
  }

  private leave(): void {
    unsubscribe(this.#gateway, this, this.#topics, null);
    this.#topics = null;
  }

  // Outgoing

  private send(replies: string): void {
    // It is being closed: what was sent before still goes out.
    if (!this.conn.isActive) return;
    if (this.#outbox === null && this.tryWrite(encoded(replies))) return;
    (this.#outbox ?? this.fallBehind()).reply(Buffer.from(replies, 'latin1'));
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
      if (error instanceof ClosedError) this.drop();
      else this.broken();
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
        this.drop();
      }
    }).done;
    return outbox;
  }

  /** The gateway ends the session: the last reply still arrives. */
  private async dismiss(): Promise<void> {
    this.leave();
    await this.#outbox?.drained;
    this.conn.resume();
    await lingeringClose(this.conn);
    await this.close();
  }

  /** Says that the gateway closes, sends what is still queued, then closes. */
  async finish(): Promise<void> {
    await this.#answers?.allOut;
    this.send('ERR shutting down\n');
    await this.#outbox?.drained;
    this.leave();
    try {
      await this.conn[Symbol.asyncDispose]();
    } finally {
      // Not before: who does not take the last bytes is one that was cut off.
      this.end();
    }
  }
}
