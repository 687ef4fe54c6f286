import { IOError } from '../../io/index.ts';
import type { StreamConn } from '../../net/index.ts';
import { now } from '../../runtime/clock.ts';
import { Instants } from './instants.ts';
import type { ReplyReader } from './replies/index.ts';

/** From here on the kernel reads a message from where it lies; below, it is copied and leaves with others. */
const DIRECT = 16 * 1024;
const SMALLEST_INBOX = 4096;
export const LARGEST_INBOX = 64 * 1024;

/** What all clients of a load have in common. */
export interface Crew {
  /** So many messages as they are sent, in memory that never changes: at most `batch`. */
  messages(count: number): Uint8Array;
  readonly size: number;
  readonly depth: number;
  /** Messages of at most so many bytes in one go, at least one message. */
  readonly batch: number;
  newReplies(): ReplyReader;
  /** Whether the next message may go: of a closed loop one for each answer, else what is due anyway. */
  mayFollow(): boolean;
  /** A message that counts from `since` has been answered at `at`. */
  answered(since: number, at: number): void;
  /** So many messages will never be answered. */
  lost(since: number): void;
  sent(bytes: number): void;
  received(bytes: number, refusals: number): void;
}

/** One connection of a load. When it ends another one takes its place, and the messages that wait for it. */
export class Client {
  readonly #crew: Crew;
  #conn: StreamConn | null = null;
  #replies: ReplyReader;
  /** From when each message counts: those under way, then those that wait. */
  readonly #since = new Instants();
  #underWay = 0;
  /** Of those under way, how many the connection has not been given yet. */
  #unsent = 0;
  #sending = false;
  /** When the last answer came, or, after a pause, when the first message went. */
  #heardAt = 0;
  #heardBytes = 0;
  /** Why the connection was closed from this side. */
  #failure: unknown = null;
  /** How many answers have come, over all its connections. */
  answers = 0;

  constructor(crew: Crew) {
    this.#crew = crew;
    this.#replies = crew.newReplies();
  }

  get connected(): boolean {
    return this.#conn !== null;
  }

  /** Messages that are not dealt with. */
  get waiting(): number {
    return this.#since.length;
  }

  /** Why this connection is overdue at `at`, when it was to be heard of since `before`; null: it is not. */
  overdue(before: number): IOError | null {
    if (this.#conn === null || this.#underWay === 0 || this.#heardAt >= before) return null;
    const heard = this.#heardBytes > 0 ? `${this.#heardBytes} bytes, but no whole answer` : 'nothing';
    return new IOError('ERR_NO_ANSWER', `${heard} came while an answer was due (--timeout, --reply)`);
  }

  /** Exchanges messages until the peer ends the stream; rejects when it breaks, or when `cut` is called. */
  async converse(conn: StreamConn): Promise<void> {
    this.#conn = conn;
    this.#failure = null;
    this.#heardBytes = 0;
    this.#replies = this.#crew.newReplies();
    this.#fill(now());
    try {
      // A buffer for each: parked reads are received together, in one go for all connections.
      let inbox = new Uint8Array(SMALLEST_INBOX);
      // Mostly as long as the one before: garbage that is not made stops no measurement.
      let received = inbox;
      for (let n = await conn.read(inbox); n !== null; n = await conn.read(inbox)) {
        if (received.length !== n) received = inbox.subarray(0, n);
        this.#receive(received);
        if (n === inbox.length && n < LARGEST_INBOX) received = inbox = new Uint8Array(2 * n);
      }
    } catch (error) {
      throw this.#failure ?? error;
    } finally {
      this.#conn = null;
      conn.closeNow();
      for (; this.#underWay > 0; this.#underWay--) this.#crew.lost(this.#since.shift());
      this.#unsent = 0;
    }
  }

  /** Ends the connection: `converse` rejects with `why`. */
  cut(why: unknown): void {
    this.#failure ??= why;
    this.#conn?.closeNow();
  }

  /** Closed loop: brings what is under way to the depth, as far as that is allowed. */
  fill(): void {
    if (this.#conn !== null) this.#fill(now());
  }

  /** Open loop: a message that counts from `due`. It leaves as soon as there is a connection with room. */
  add(due: number): void {
    this.#since.push(due);
    if (this.#conn !== null && this.#underWay < this.#crew.depth) this.#push(1, now());
  }

  /** Gives up every message that is not dealt with, and the connection if its answers may still come. */
  abandon(): void {
    if (this.#underWay > 0) this.#conn?.closeNow();
    this.#underWay = 0;
    this.#unsent = 0;
    while (this.#since.length > 0) this.#crew.lost(this.#since.shift());
  }

  #fill(at: number): void {
    const { depth } = this.#crew;
    let count = Math.min(depth, this.#since.length) - this.#underWay;
    for (; this.#underWay + count < depth && this.#crew.mayFollow(); count++) this.#since.push(at);
    if (count > 0) this.#push(count, at);
  }

  #receive(p: Uint8Array): void {
    const { refusals } = this.#replies;
    const replies = this.#replies.take(p);
    this.#crew.received(p.length, this.#replies.refusals - refusals);
    this.#heardBytes += p.length;
    if (replies === 0) return;
    if (replies > this.#underWay) {
      throw new IOError(
        'ERR_UNASKED',
        'an answer came that nobody had asked for (--reply says how they look)',
      );
    }
    const at = now();
    this.#heardAt = at;
    this.#heardBytes = 0;
    this.#underWay -= replies;
    this.answers += replies;
    for (let i = 0; i < replies; i++) this.#crew.answered(this.#since.shift(), at);
    this.#fill(at);
  }

  /** So many of those that wait are under way from now on. */
  #push(count: number, at: number): void {
    const { size, batch } = this.#crew;
    if (this.#underWay === 0) this.#heardAt = at;
    this.#underWay += count;
    const bytes = count * size;
    this.#crew.sent(bytes);
    if (!this.#sending && bytes < DIRECT && count <= batch) {
      try {
        if (this.#conn!.tryWrite(this.#crew.messages(count))) return;
      } catch (error) {
        this.cut(error);
        return;
      }
    }
    this.#unsent += count;
    if (!this.#sending) void this.#drain(this.#conn!);
  }

  async #drain(conn: StreamConn): Promise<void> {
    const { batch } = this.#crew;
    this.#sending = true;
    try {
      while (this.#unsent > 0 && this.#conn === conn) {
        const count = Math.min(batch, this.#unsent);
        this.#unsent -= count;
        await conn.write(this.#crew.messages(count));
      }
    } catch (error) {
      if (this.#conn === conn) this.cut(error);
    } finally {
      this.#sending = false;
      // Another connection has taken its place meanwhile, and was not served.
      if (this.#unsent > 0 && this.#conn !== null && this.#conn !== conn) void this.#drain(this.#conn);
    }
  }
}
