import { CopyError, copy, IOError } from '../../io/index.ts';
import { ClosedError, DeadlineExceededError, type StreamConn } from '../../net/index.ts';
import type { Counters } from './counters.ts';
import { reset } from './reset.ts';

/** How a connection ended. `end`: both sides said so. */
export type Ending = 'end' | 'reset by client' | 'reset by upstream' | 'idle' | 'cut off';

/** A client and its upstream: what comes from one goes to the other, both ways, ends and resets, too. */
export class Link {
  readonly #client: StreamConn;
  readonly #upstream: StreamConn;
  readonly #totals: Counters;
  bytesUp = 0;
  bytesDown = 0;
  #ending: Ending | null = null;
  /** What goes to the upstream before what the client sends from now on. */
  #first: Uint8Array[] = [];
  /** When bytes were last seen, in milliseconds of `performance.now()`, and when that was last looked for. */
  #touched: number;
  #asked: number;

  constructor(client: StreamConn, upstream: StreamConn, totals: Counters) {
    this.#client = client;
    this.#upstream = upstream;
    this.#totals = totals;
    this.#touched = performance.now();
    this.#asked = this.#touched;
  }

  /** Has the upstream learn first who the client is. */
  introduce(header: Uint8Array): void {
    this.#first.push(header);
  }

  /** What the client has sent already. */
  begin(bytes: Uint8Array): void {
    this.#first.push(bytes);
    this.#count(this.#client, bytes.length);
  }

  /** Resolves when both directions have ended; both connections are closed then. */
  async run(): Promise<Ending> {
    const up = this.#pump(this.#client, this.#upstream);
    await this.#pump(this.#upstream, this.#client);
    await up;
    if (this.#ending === null) await this.#close();
    else if (this.#ending.startsWith('reset')) this.#reset();
    return this.#ending ?? 'end';
  }

  /** Copies one way until the end, which it passes on. What goes wrong becomes the ending, never an error. */
  async #pump(from: StreamConn, to: StreamConn): Promise<void> {
    try {
      if (from === this.#client) for (const bytes of this.#first.splice(0)) await to.write(bytes);
      while (!(await this.#copySome(from, to)));
      await to.closeWrite();
    } catch (error) {
      if (!(error instanceof IOError)) {
        this.cut('cut off');
        throw error;
      }
      const copying = error instanceof CopyError;
      if ((copying ? error.cause : error) instanceof ClosedError) {
        this.cut('cut off');
        return;
      }
      const reading = copying && error.side === 'read';
      const gone = reading ? from : to;
      this.#ending ??= gone === this.#client ? 'reset by client' : 'reset by upstream';
      // Who takes nothing any more may have said something before: the other direction ends by itself.
      if (reading) this.#reset();
    }
  }

  /** Whether the end has been reached. Else somebody asked how far it is. */
  async #copySome(from: StreamConn, to: StreamConn): Promise<boolean> {
    try {
      this.#count(from, await copy(to, from));
      return true;
    } catch (error) {
      if (!(error instanceof CopyError)) throw error;
      this.#count(from, error.bytesCopied);
      if (error.side === 'write' || !(error.cause instanceof DeadlineExceededError)) throw error;
      from.setReadTimeout(null);
      return false;
    }
  }

  #count(from: StreamConn, bytes: number): void {
    if (bytes === 0) return;
    this.#touched = performance.now();
    if (from === this.#client) {
      this.bytesUp += bytes;
      this.#totals.bytesUp += bytes;
    } else {
      this.bytesDown += bytes;
      this.#totals.bytesDown += bytes;
    }
  }

  /**
   * Has both directions count what they have copied, before anything else happens to them: a copy tells only when it
   * ends, so it ends, by a deadline on its reading side, and begins anew.
   */
  ask(): void {
    this.#asked = performance.now();
    for (const conn of [this.#client, this.#upstream]) {
      try {
        conn.setReadTimeout(0);
      } catch (error) {
        // Closed meanwhile: it has been counted.
        if (!(error instanceof IOError)) throw error;
      }
    }
  }

  /**
   * Called now and then. True: nothing has gone through for `timeout` milliseconds, not even since this was asked the
   * time before; it has been asked once more, and is idle if `lastSeen` is the same a turn of the event loop later.
   */
  checkIdle(now: number, timeout: number): boolean {
    const overdue = this.#asked - this.#touched >= timeout;
    if (overdue || now - Math.max(this.#touched, this.#asked) >= timeout / 4) this.ask();
    return overdue;
  }

  get lastSeen(): number {
    return this.#touched;
  }

  cut(ending: Ending): void {
    this.#ending ??= ending;
    this.#client.closeNow();
    this.#upstream.closeNow();
  }

  #reset(): void {
    reset(this.#client);
    reset(this.#upstream);
  }

  async #close(): Promise<void> {
    await Promise.all([this.#client[Symbol.asyncDispose](), this.#upstream[Symbol.asyncDispose]()]);
  }
}
