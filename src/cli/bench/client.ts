import { IOError } from '../../io/index.ts';
import type { StreamConn } from '../../net/index.ts';
import { FAILED_CLOSED } from '../../poll/index.ts';
import { now } from '../../runtime/clock.ts';
import { Instants } from './instants.ts';
import { Line, type LineOwner } from './line.ts';
import type { ReplyReader } from './replies/index.ts';

/** From here on the kernel reads a message from where it lies; below, it is copied and leaves with others. */
const DIRECT = 16 * 1024;

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
export class Client implements LineOwner {
  readonly #crew: Crew;
  #line: Line | null = null;
  /** Settles `converse`. */
  #over: (why: unknown) => void = () => {};
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
    return this.#line !== null;
  }

  /** Messages that are not dealt with. */
  get waiting(): number {
    return this.#since.length;
  }

  /** Why this connection is overdue at `at`, when it was to be heard of since `before`; null: it is not. */
  overdue(before: number): IOError | null {
    if (this.#line === null || this.#underWay === 0 || this.#heardAt >= before) return null;
    const heard = this.#heardBytes > 0 ? `${this.#heardBytes} bytes, but no whole answer` : 'nothing';
    return new IOError('ERR_NO_ANSWER', `${heard} came while an answer was due (--timeout, --reply)`);
  }

  /** Exchanges messages until the peer ends the stream; rejects when it breaks, or when `cut` is called. */
  async converse(conn: StreamConn): Promise<void> {
    this.#failure = null;
    this.#heardBytes = 0;
    this.#replies = this.#crew.newReplies();
    const over = new Promise<unknown>((resolve) => {
      this.#over = resolve;
    });
    const line = new Line(conn, this);
    this.#line = line;
    this.#fill(now());
    const why = await over;
    this.#line = null;
    line.close();
    for (; this.#underWay > 0; this.#underWay--) this.#crew.lost(this.#since.shift());
    this.#unsent = 0;
    if (why !== null) throw why;
  }

  /** Ends the connection: `converse` rejects with `why`. */
  cut(why: unknown): void {
    if (this.#line === null) return;
    this.#failure ??= why;
    this.#line.close();
    this.#over(this.#failure);
  }

  ended(why: unknown): void {
    this.#over(this.#failure ?? why);
  }

  /** Closed loop: brings what is under way to the depth, as far as that is allowed. */
  fill(): void {
    if (this.#line !== null) this.#fill(now());
  }

  /** Open loop: a message that counts from `due`. It leaves as soon as there is a connection with room. */
  add(due: number): void {
    this.#since.push(due);
    if (this.#line !== null && this.#underWay < this.#crew.depth) this.#push(1, now());
  }

  /** Gives up every message that is not dealt with, and the connection if its answers may still come. */
  abandon(): void {
    if (this.#underWay > 0 && this.#line !== null) this.cut(this.#line.error('read', FAILED_CLOSED));
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

  received(p: Uint8Array, from: number, to: number): void {
    const { refusals } = this.#replies;
    const replies = this.#replies.take(p, from, to);
    this.#crew.received(to - from, this.#replies.refusals - refusals);
    this.#heardBytes += to - from;
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
        if (this.#line!.tryWrite(this.#crew.messages(count))) return;
      } catch (error) {
        this.cut(error);
        return;
      }
    }
    this.#unsent += count;
    if (!this.#sending) void this.#drain(this.#line!);
  }

  async #drain(line: Line): Promise<void> {
    const { batch } = this.#crew;
    this.#sending = true;
    try {
      while (this.#unsent > 0 && this.#line === line) {
        const count = Math.min(batch, this.#unsent);
        this.#unsent -= count;
        await line.write(this.#crew.messages(count));
      }
    } catch (error) {
      if (this.#line === line) this.cut(error);
    } finally {
      this.#sending = false;
      // Another connection has taken its place meanwhile, and was not served.
      if (this.#unsent > 0 && this.#line !== null && this.#line !== line) void this.#drain(this.#line);
    }
  }
}
