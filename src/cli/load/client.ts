import type { TCPConn } from '../../net/index.ts';
import { splitLines } from '../gateway/line-splitter.ts';
import type { Tally } from './tally.ts';

const shared = new Uint8Array(64 * 1024);
const A = 65;
const T = 84;
const E = 69;

/** One connection of the load: sends orders, counts what comes back. */
export class Client {
  readonly conn: TCPConn;
  readonly #tally: Tally;
  readonly #number: number;
  /** From when the latency of each order without an answer counts; answers come in order. */
  readonly #waiting: number[] = [];
  #orders = 0;
  #carry: Uint8Array | null = null;

  constructor(conn: TCPConn, number: number, tally: Tally) {
    this.conn = conn;
    this.#number = number;
    this.#tally = tally;
  }

  /** Reads until the gateway or we close the connection. */
  async run(): Promise<void> {
    const onLine = (line: Uint8Array) => this.#received(line);
    for (;;) {
      await this.conn.waitReadable();
      for (let n = this.conn.tryRead(shared); n !== undefined; n = this.conn.tryRead(shared)) {
        if (n === null) return;
        const rest = splitLines(this.#carry, shared.subarray(0, n), onLine);
        if (rest === 'too long') throw new Error('the gateway sent an endless line');
        this.#carry = rest;
      }
    }
  }

  order(symbol: string, since: number): void {
    const line = `ORD ${this.#number}-${++this.#orders} BUY ${symbol} 10 101.25\n`;
    if (!this.#tally.attempt(() => this.conn.tryWrite(Buffer.from(line, 'latin1')))) return;
    this.#waiting.push(since);
    this.#tally.ordered();
  }

  #received(line: Uint8Array): boolean {
    switch (line[0]) {
      case T:
        this.#tally.ticked();
        break;
      case A: {
        const since = this.#waiting.shift();
        if (since === undefined) this.#tally.failed('an answer without an order');
        else this.#tally.acknowledged(since);
        break;
      }
      case E:
        this.#tally.failed(Buffer.from(line).toString('latin1'));
        break;
    }
    return true;
  }
}
