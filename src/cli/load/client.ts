import type { Connection } from '../../eventloop/index.ts';
import { splitLines } from '../gateway/line-splitter.ts';
import type { Tally } from './tally.ts';

const A = 65;
const T = 84;
const E = 69;

/** One connection of the load: sends orders, counts what comes back. */
export class Client {
  /** Set once it is connected. */
  conn!: Connection;
  readonly #tally: Tally;
  readonly #number: number;
  /** From when the latency of each order without an answer counts; answers come in order. */
  readonly #waiting: number[] = [];
  #orders = 0;
  #carry: Uint8Array | null = null;
  readonly #onLine = (line: Uint8Array) => this.#received(line);

  constructor(number: number, tally: Tally) {
    this.#number = number;
    this.#tally = tally;
  }

  /** Bytes have come. */
  arrived(conn: Connection): void {
    const { reader } = conn;
    for (let n = reader.len; n > 0; n = reader.len) {
      const rest = splitLines(this.#carry, reader.tryNext(n)!, this.#onLine);
      if (rest === 'too long') throw new Error('the gateway sent an endless line');
      this.#carry = rest;
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
