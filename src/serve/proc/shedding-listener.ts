import { AcceptLoop } from '../../net/accept-loop.ts';
import {
  type Addr,
  type CallOptions,
  type Detached,
  type Listener,
  OpError,
  type StreamConn,
} from '../../net/index.ts';
import { now } from '../../runtime/clock.ts';
import type { ShedOrder } from '../messages.ts';

/** An order counts for so long, in milliseconds: by then there is another one, or no need. */
const VALID = 1000;

/** A listener that gives a part of what it accepts away, before anybody has begun to serve it, when told to. */
export class SheddingListener extends AcceptLoop<StreamConn> {
  readonly #listener: Listener<StreamConn>;
  readonly #send: (detached: Detached, order: ShedOrder) => void;
  #order: ShedOrder | null = null;
  #until = 0;
  /** What of the share is due; from 1 on the next one goes. */
  #due = 0;

  constructor(listener: Listener<StreamConn>, send: (detached: Detached, order: ShedOrder) => void) {
    super();
    this.#listener = listener;
    this.#send = send;
  }

  begin(order: ShedOrder): void {
    this.#order = order;
    this.#until = now() + VALID;
  }

  get addr(): Addr {
    return this.#listener.addr;
  }

  async accept(options?: CallOptions): Promise<StreamConn> {
    for (;;) {
      const conn = await this.#listener.accept(options);
      const order = this.#next();
      if (order === null) return conn;
      try {
        this.#send(await conn.detach(), order);
      } catch (error) {
        // It has broken already, or too many are on their way: it is closed.
        if (!(error instanceof OpError)) throw error;
      }
    }
  }

  /** Whether the next one goes, and where to. */
  #next(): ShedOrder | null {
    const order = this.#order;
    if (order === null) return null;
    if (now() > this.#until) {
      this.#order = null;
      return null;
    }
    this.#due += order.share;
    if (this.#due < 1) return null;
    this.#due--;
    return order;
  }

  setDeadline(at: Date | null): void {
    this.#listener.setDeadline(at);
  }

  async close(): Promise<void> {
    const closing = this.#listener.close();
    this.stopAccepting();
    await closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]();
  }
}
