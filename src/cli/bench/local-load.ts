import { IOError } from '../../io/index.ts';
import { ClosedError, Dialer, type StreamConn } from '../../net/index.ts';
import { now } from '../../runtime/clock.ts';
import { go, sleep } from '../../runtime/index.ts';
import { Semaphore } from '../../sync/index.ts';
import { dialEndpoint } from '../proxy/address.ts';
import { Client, type Crew } from './client.ts';
import { type Counts, noCounts } from './counts.ts';
import { stopCompiling } from './engine.ts';
import { recordLateness } from './lateness.ts';
import { LARGEST_RECEIVE } from './line.ts';
import type { Load, Plan, Recorder } from './load.ts';
import { alarmFor, Pacer } from './pacer.ts';
import { repeated } from './payload.ts';
import { type ReplyReader, replyReaders } from './replies/index.ts';

/** Dials under way at a time. */
const DIALS = 64;
/** Connections from one source address: below the number of ephemeral ports. */
const PER_SOURCE = 20_000;
/** After a dial that failed, or a connection that brought nothing, in milliseconds. */
const RETRY = 100;
/** Bytes of small messages that leave in one go. */
const BATCH = 64 * 1024;

/** A load from this very process. */
export class LocalLoad implements Load, Crew {
  readonly size: number;
  readonly depth: number;
  readonly batch: number;
  readonly newReplies: () => ReplyReader;
  /** The message again and again, and its beginnings by how many messages they are. */
  readonly #stream: Uint8Array;
  readonly #beginnings: Uint8Array[] = [];
  readonly #plan: Plan;
  readonly #recorder: Recorder;
  readonly #clients: Client[];
  readonly #pacer: Pacer | null;
  readonly #closing = new AbortController();
  readonly #life: Promise<unknown>[] = [];
  #sweep: NodeJS.Timeout | null = null;
  #counts = noCounts();
  #running = false;
  /** A closed loop may send so many more. */
  #budget = 0;
  /** So many are not dealt with, of a start with a number. */
  #owed = 0;
  #spend: () => void = () => {};
  spent: Promise<void> = new Promise(() => {});
  #from = Number.POSITIVE_INFINITY;
  #until = Number.POSITIVE_INFINITY;
  #cpu = process.cpuUsage();
  /** Whose turn it is to send what is due. */
  #turn = 0;

  constructor(plan: Plan, recorder: Recorder) {
    this.#plan = plan;
    this.#recorder = recorder;
    this.depth = plan.depth;
    this.size = plan.payload.length;
    this.batch = Math.max(1, Math.floor(BATCH / this.size));
    this.#stream = repeated(plan.payload, Math.max(BATCH, LARGEST_RECEIVE));
    this.newReplies = replyReaders(plan.reply, this.size, this.#stream);
    this.#clients = Array.from({ length: plan.connections }, () => new Client(this));
    this.#pacer =
      plan.rate === null ? null : new Pacer(plan.rate, plan.poisson, (due) => this.#due(due), alarmFor);
  }

  // Connections

  async open(): Promise<void> {
    const first = await this.#dial(0);
    this.#sweep = setInterval(() => this.#look(), Math.min(100, this.#plan.timeout / 4));
    this.#live(0, first);
    const { ramp, connections } = this.#plan;
    const dials = new Semaphore(DIALS);
    const started = now();
    for (let i = 1; i < connections; i++) {
      const ahead = ramp === null ? 0 : started + (i * 1000) / ramp - now();
      if (ahead > 0) await sleep(ahead, { signal: this.#closing.signal });
      await dials.acquire(1, { signal: this.#closing.signal });
      this.#dial(i)
        .then(
          (conn) => this.#live(i, conn),
          (error) => {
            this.#failed(error);
            this.#live(i, null);
          },
        )
        .finally(() => dials.release());
    }
    await dials.acquire(DIALS, { signal: this.#closing.signal });
  }

  #dial(index: number): Promise<StreamConn> {
    const { endpoint, firstConnection, dialTimeout } = this.#plan;
    const source = Math.floor((firstConnection + index) / PER_SOURCE);
    const several = source > 0 && endpoint.address.startsWith('127.');
    const dialer = new Dialer({
      timeout: dialTimeout,
      ...(several ? { localAddress: `127.0.0.${1 + source}:0` } : {}),
    });
    return dialEndpoint(endpoint, dialer, this.#closing.signal);
  }

  #live(index: number, conn: StreamConn | null): void {
    this.#life.push(go(() => this.#keep(index, conn)).done);
  }

  /** Keeps connection `index` alive. */
  async #keep(index: number, given: StreamConn | null): Promise<void> {
    const client = this.#clients[index]!;
    let conn = given;
    while (!this.#closing.signal.aborted) {
      const answered = client.answers;
      try {
        if (conn === null) {
          await sleep(RETRY, { signal: this.#closing.signal });
          conn = await this.#dial(index);
        }
        await client.converse(conn);
        throw new IOError('ERR_ENDED', 'the server ended the connection');
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        if (!(error instanceof ClosedError)) this.#failed(error);
        conn = null;
        // Who has answered may be called again at once.
        if (client.answers > answered) conn = await this.#dial(index).catch(() => null);
      }
    }
    conn?.closeNow();
  }

  #failed(error: unknown): void {
    if (!(error instanceof IOError)) throw error;
    const { errors } = this.#counts;
    errors[error.code] ??= { count: 0, first: error.message };
    errors[error.code]!.count++;
  }

  /** Who has been silent for too long? */
  #look(): void {
    const before = now() - this.#plan.timeout;
    for (const client of this.#clients) {
      const why = client.overdue(before);
      if (why !== null) client.cut(why);
    }
  }

  // Messages

  start(messages = Number.POSITIVE_INFINITY): void {
    this.#running = true;
    this.#owed = messages;
    this.#budget = messages;
    this.spent = new Promise((resolve) => {
      this.#spend = resolve;
      if (messages === 0) resolve();
    });
    if (this.#pacer !== null) this.#pacer.start(messages);
    else for (const client of this.#clients) client.fill();
  }

  measure(): void {
    if (this.#pacer !== null) stopCompiling();
    this.rehearse();
  }

  rehearse(): void {
    const { connected } = this.#counts;
    this.#counts = { ...noCounts(), connected };
    this.#cpu = process.cpuUsage();
    this.#from = now();
    this.#until = Number.POSITIVE_INFINITY;
  }

  async halt(): Promise<Counts> {
    this.#until = now();
    this.#running = false;
    this.#pacer?.stop(this.#until);
    const { bytesSent, bytesReceived, cpu } = this.counts();
    const patience = this.#until + this.#plan.timeout;
    while (this.#clients.some((client) => client.waiting > 0) && now() < patience) await sleep(1);
    for (const client of this.#clients) client.abandon();
    this.#from = Number.POSITIVE_INFINITY;
    return { ...this.counts(), bytesSent, bytesReceived, cpu };
  }

  counts(): Counts {
    const { user, system } = process.cpuUsage(this.#cpu);
    const connected = this.#clients.reduce((sum, client) => sum + (client.connected ? 1 : 0), 0);
    return { ...this.#counts, connected, cpu: (user + system) / 1000 };
  }

  async close(): Promise<void> {
    this.#pacer?.close();
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#closing.abort(new IOError('ERR_LOAD_CLOSED', 'the load was ended while it connected'));
    for (const client of this.#clients) client.cut(this.#closing.signal.reason);
    await Promise.allSettled(this.#life);
  }

  #due(due: number): void {
    const late = now() - due;
    const counts = this.#counts;
    if (due >= this.#from) {
      counts.sent++;
      counts.lateness += late;
      if (late > counts.mostLate) counts.mostLate = late;
      if (late > 1) counts.late++;
      recordLateness(counts.lateBy, late);
    }
    this.#clients[this.#turn]!.add(due);
    this.#turn = (this.#turn + 1) % this.#clients.length;
  }

  // What the clients ask

  messages(count: number): Uint8Array {
    this.#beginnings[count] ??= this.#stream.subarray(0, count * this.size);
    return this.#beginnings[count];
  }

  mayFollow(): boolean {
    if (this.#pacer !== null || !this.#running || this.#budget === 0) return false;
    this.#budget--;
    return true;
  }

  answered(since: number, at: number): void {
    const inside = at < this.#until;
    if (inside) this.#counts.answered++;
    // Of an open loop all that was due in the window counts, however late it comes.
    if (this.#pacer === null ? inside && at >= this.#from : since >= this.#from && since < this.#until) {
      this.#recorder.record((at - since) * 1e6);
    }
    this.#settled();
  }

  lost(since: number): void {
    if (since >= this.#from && since < this.#until) {
      this.#counts.unanswered++;
      // It has waited for so long at least: leaving it out would make the others look better than they were.
      if (this.#pacer !== null) this.#recorder.record((now() - since) * 1e6);
    }
    this.#settled();
  }

  #settled(): void {
    if (--this.#owed === 0) this.#spend();
  }

  sent(bytes: number): void {
    this.#counts.bytesSent += bytes;
  }

  received(bytes: number, refusals: number): void {
    this.#counts.bytesReceived += bytes;
    this.#counts.refusals += refusals;
  }
}
