import { ArgumentTypeError } from '../io/index.ts';
import { reportServed } from '../runtime/failures.ts';
import { Goroutine, type Origin } from '../runtime/goroutine.ts';
import { sleep } from '../runtime/index.ts';
import { originOf } from '../runtime/site.ts';
import type { Addr } from './addr.ts';
import type { CallOptions, Conn } from './conn.ts';
import { ClosedError, OpError, peerHasGone } from './errors.ts';
import type { Listener } from './listener.ts';
import { StreamConn } from './stream-conn.ts';

/** What passes by itself, or when other connections end: no reason to stop accepting. */
const TEMPORARY = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'ECONNABORTED',
  'ECONNRESET',
  'EPROTO',
  'EINTR',
]);
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 1000;

type Handler<C> = (conn: C) => Promise<void> | void;

/** A goroutine that serves one connection, and closes it in the end. */
class ServingGoroutine<C extends Conn> extends Goroutine<void> {
  readonly #conn: C;

  constructor(origin: Origin, conn: C) {
    super(origin);
    this.#conn = conn;
  }

  /** @internal */
  override get serves(): object {
    return this.#conn;
  }

  protected override failed(error: unknown): void {
    reportServed(error, this);
  }

  protected override ended(): void {
    const conn = this.#conn;
    if (conn instanceof StreamConn && conn.dispose(this)) return;
    conn[Symbol.asyncDispose]().catch((error: unknown) => this.reject(error));
  }

  /** The connection is closed. */
  resolve(): void {}

  /** It could not be closed as it should. */
  reject(error: unknown): void {
    if (!peerHasGone(error)) reportServed(error, this);
  }
}

/** What all listeners do alike once they can accept one connection: `serve` and `for await`. */
export abstract class AcceptLoop<C extends Conn> implements Listener<C> {
  readonly #stopped = new AbortController();

  abstract readonly addr: Addr;
  abstract accept(options?: CallOptions): Promise<C>;
  abstract setDeadline(at: Date | null): void;
  abstract close(): Promise<void>;
  abstract [Symbol.asyncDispose](): Promise<void>;

  /** To be called on close: a loop that waits out a shortage need not wait any more. */
  protected stopAccepting(): void {
    this.#stopped.abort();
  }

  async serve(fn: Handler<C>): Promise<void> {
    if (typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
    const origin = originOf(fn, this.serve);
    await this.acceptEach((conn) => {
      new ServingGoroutine(origin, conn).start(fn as (...args: never[]) => unknown, [conn]);
    });
  }

  /** Gives each connection to `take`, until the listener is closed. */
  protected async acceptEach(take: (conn: C) => void): Promise<void> {
    const accept = () => this.accept();
    for (let conn = await this.acceptNext(accept); conn !== null; conn = await this.acceptNext(accept))
      take(conn);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<C, void, undefined> {
    const accept = () => this.accept();
    for (let conn = await this.acceptNext(accept); conn !== null; conn = await this.acceptNext(accept))
      yield conn;
  }

  /**
   * What `accept` gives, whatever passes by itself; null once we are closed. Where one call of `accept` gives many
   * connections away, `count` says how many that were.
   * @internal
   */
  async acceptNext<T>(accept: () => Promise<T>, count: () => number = () => 0): Promise<T | null> {
    let [pause, counted] = [FIRST_PAUSE, count()];
    for (;;) {
      try {
        return await accept();
      } catch (error) {
        if (error instanceof ClosedError) return null;
        if (!(error instanceof OpError) || !TEMPORARY.has(error.code)) throw error;
      }
      // Connections came meanwhile: the last shortage was over, and this is another one.
      if (count() !== counted) [pause, counted] = [FIRST_PAUSE, count()];
      await sleep(pause, { signal: this.#stopped.signal }).catch(() => {});
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }
}
