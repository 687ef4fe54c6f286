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
  readonly #name: string;
  /** When each order without an answer should have been sent; answers come in order. */
  readonly #waiting: number[] = [];
  #orders = 0;
  #carry: Uint8Array | null = null;

  constructor(conn: TCPConn, name: string, tally: Tally) {
    this.conn = conn;
    this.#name = name;
    this.#tally = tally;
  }

  /** Reads until the gateway or we close the connection. */
  async run(): Promise<void> {
    for (;;) {
      await this.conn.waitReadable();
      for (let n = this.conn.tryRead(shared); n !== undefined; n = this.conn.tryRead(shared)) {
        if (n === null) return;
        const rest = splitLines(this.#carry, shared.subarray(0, n), (line) => this.#received(line));
        if (rest === 'too long') throw new Error('the gateway sent an endless line');
        this.#carry = rest;
      }
    }
  }

  /** Sends an order that was due at `due`: latency counts from there, so that our own lateness does not hide any. */
  order(symbol: string, due: number): void {
    const line = `ORD ${this.#name}-${++this.#orders} BUY ${symbol} 10 101.25\n`;
    this.#waiting.push(due);
    this.#tally.ordered();
    if (!this.conn.tryWrite(Buffer.from(line, 'latin1')))
      this.#tally.failed('the gateway does not read fast enough');
  }

  #received(line: Uint8Array): boolean {
    switch (line[0]) {
      case T:
        this.#tally.ticked();
        break;
      case A: {
        const due = this.#waiting.shift();
        if (due === undefined) this.#tally.failed('an answer without an order');
        else this.#tally.acknowledged(due);
        break;
      }
      case E:
        this.#tally.failed(Buffer.from(line).toString('latin1'));
        break;
    }
    return true;
  }
}
