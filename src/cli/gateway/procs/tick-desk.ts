import { go } from '../../../runtime/index.ts';
import { SendOnClosedError, type SharedBroadcast, type SharedChan } from '../../../sync/index.ts';
import type { History } from '../history.ts';
import type { NatsMarket } from '../nats/nats-market.ts';
import { askingIn, PIECE, tellPast } from './past.ts';

/** Where the prices of all Ps come together, get one order and one clock, and go out to all. */
export class TickDesk {
  readonly #ticks: SharedBroadcast<string>;
  readonly #past: readonly SharedChan<string>[];
  readonly #nats: NatsMarket | null;
  readonly #history: History | null;
  /** Ticks from elsewhere that have not been sent to the Ps. */
  #collecting = '';
  #sending: Promise<void> | null = null;

  constructor(
    ticks: SharedBroadcast<string>,
    past: readonly SharedChan<string>[],
    nats: NatsMarket | null,
    history: History | null,
  ) {
    this.#ticks = ticks;
    this.#past = past;
    this.#nats = nats;
    this.#history = history;
  }

  serve(prices: SharedChan<string>): void {
    this.#untilClosed(async () => {
      for await (const text of prices) {
        const asking = askingIn(text);
        if (asking === null) await this.#publish(text.slice(0, -1).split('\n'));
        else await tellPast(this.#history!, asking.thread, this.#past[asking.proc]!);
      }
    });
    this.#nats?.follow((symbol, line, sequence) => {
      this.#history!.add(symbol, sequence, line);
      this.#collecting += line;
      this.#sending ??= this.#send();
      return this.#collecting.length >= PIECE ? this.#sending : null;
    });
  }

  async #publish(prices: string[]): Promise<void> {
    if (this.#nats === null) {
      const now = Date.now();
      await this.#ticks.publish(prices.map((price) => `TICK ${price} ${now}\n`).join(''));
      return;
    }
    for (const line of prices) {
      const [symbol, price] = line.split(' ') as [string, string];
      const busy = this.#nats.publisher.publish(symbol, price);
      if (busy !== null) await busy;
    }
  }

  #send(): Promise<void> {
    return this.#untilClosed(async () => {
      // Behind all that have come in this turn.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      while (this.#collecting !== '') {
        const text = this.#collecting;
        this.#collecting = '';
        await this.#ticks.publish(text);
      }
      this.#sending = null;
    });
  }

  /** A P has died: nobody reads what it asked for. */
  forget(proc: number): void {
    const past = this.#past[proc];
    while (past?.tryRecv() !== undefined);
  }

  #untilClosed(fn: () => Promise<void>): Promise<void> {
    const goroutine = go(async () => {
      try {
        await fn();
      } catch (error) {
        // The gateway has ended while a P that was gone already had not taken all.
        if (!(error instanceof SendOnClosedError)) throw error;
      }
    });
    goroutine.markInternal();
    return goroutine.done;
  }
}
