import { AcceptLoop } from '../../net/accept-loop.ts';
import { type Addr, type CallOptions, ClosedError, type StreamConn } from '../../net/index.ts';
import { Chan } from '../../sync/index.ts';

/** A listener for what another thread accepts. Internal: nobody gets it who would set deadlines. */
export class HandedListener extends AcceptLoop<StreamConn> {
  readonly addr: Addr;
  /** As many as come: who hands them over knows how many are here. */
  readonly #conns = new Chan<StreamConn>(Number.MAX_SAFE_INTEGER);

  constructor(addr: Addr) {
    super();
    this.addr = addr;
  }

  /** How many wait to be served. */
  get waiting(): number {
    return this.#conns.length;
  }

  /** False: it is closed. */
  hand(conn: StreamConn): boolean {
    return !this.#conns.closed && this.#conns.trySend(conn);
  }

  async accept(options?: CallOptions): Promise<StreamConn> {
    const conn = await this.#conns.recv(options);
    if (conn !== undefined) return conn;
    throw new ClosedError({ op: 'accept', net: this.addr.network, addr: this.addr });
  }

  setDeadline(): void {
    throw new Error('nobody but the loop that serves accepts here');
  }

  async close(): Promise<void> {
    if (this.#conns.closed) return;
    this.#conns.close();
    this.stopAccepting();
    // Nobody will serve these any more.
    for (let conn = this.#conns.tryRecv(); conn !== undefined; conn = this.#conns.tryRecv()) conn.closeNow();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
