import { go } from '../../../runtime/index.ts';
import type { SharedChan } from '../../../sync/index.ts';
import type { Exchange } from '../market.ts';

/** A piece is sent before it gets longer. */
const PIECE = 16 * 1024;

/** Where a P's publishers publish: the main thread gives the prices of all Ps one order. */
export class RemoteExchange implements Exchange {
  readonly #prices: SharedChan<string>;
  #pieces: string[] = [];
  #collecting = '';
  /** Resolves when all pieces have been sent. */
  #sending: Promise<void> | null = null;

  constructor(prices: SharedChan<string>) {
    this.#prices = prices;
  }

  publish(symbol: string, price: string): Promise<void> | null {
    const line = `${symbol} ${price}\n`;
    if (this.#collecting.length + line.length > PIECE) {
      this.#pieces.push(this.#collecting);
      this.#collecting = '';
    }
    this.#collecting += line;
    this.#sending ??= this.#start();
    return this.#pieces.length > 0 ? this.#sending : null;
  }

  #start(): Promise<void> {
    const goroutine = go(() => this.#send());
    goroutine.markInternal();
    return goroutine.done;
  }

  async #send(): Promise<void> {
    // Behind all goroutines that run in this turn: what they publish goes along.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    while (this.#pieces.length > 0 || this.#collecting !== '') {
      if (this.#pieces.length === 0) {
        this.#pieces.push(this.#collecting);
        this.#collecting = '';
      }
      await this.#prices.send(this.#pieces[0]!);
      this.#pieces.shift();
    }
    this.#sending = null;
  }
}
