import { reportServed } from '../runtime/failures.ts';
import { Goroutine } from '../runtime/goroutine.ts';
import { originOf } from '../runtime/site.ts';
import type { Connection } from './connection.ts';
import { handlers } from './pool.ts';

// biome-ignore lint/suspicious/noExplicitAny: any callback of a connection
export type Callback = (...args: any[]) => unknown;

/** A callback of a connection that has come to an `await`. */
export class HandlerGoroutine extends Goroutine<unknown> {
  readonly #conn: Connection;
  readonly #unread: number;
  #failure: { readonly error: unknown } | null = null;

  /** `unread`: how much there was to read when the callback was called. */
  constructor(callback: Callback, conn: Connection, unread: number) {
    super(originOf(callback, reportCallback));
    this.#conn = conn;
    this.#unread = unread;
  }

  /** @internal */
  override get serves(): object {
    return this.#conn;
  }

  /** @internal */
  goOn(result: Promise<unknown>): void {
    handlers.begun();
    this.adopt(result);
  }

  /** @internal */
  protected override failed(error: unknown): void {
    this.#failure = { error };
    if (!this.#conn.hasTold(error)) reportServed(error, this);
  }

  protected override ended(): void {
    // First: when all have ended the connection itself may be the next one.
    handlers.ended();
    this.#conn.callbackEnded(this.#unread, this.#failure);
  }
}

/** Whether a callback goes on after it has returned. */
export function isThenable(result: unknown): result is PromiseLike<unknown> {
  return result !== undefined && typeof (result as PromiseLike<unknown> | null)?.then === 'function';
}

/** Tells of the error of a callback that did not wait. */
export function reportCallback(error: unknown, callback: Callback, conn: Connection): void {
  reportServed(error, new HandlerGoroutine(callback, conn, 0));
}
