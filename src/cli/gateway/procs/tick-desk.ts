import { go } from '../../../runtime/index.ts';
import { SendOnClosedError, type SharedBroadcast, type SharedChan } from '../../../sync/index.ts';

/** Where the prices of all Ps come together, get one order and one clock, and go out to all. */
export class TickDesk {
  readonly #ticks: SharedBroadcast<string>;

  constructor(ticks: SharedBroadcast<string>) {
    this.#ticks = ticks;
  }

  serve(prices: SharedChan<string>): void {
    go(async () => {
      try {
        for await (const text of prices) {
          const now = Date.now();
          const lines = text.slice(0, -1).split('\n');
          await this.#ticks.publish(lines.map((line) => `TICK ${line} ${now}\n`).join(''));
        }
      } catch (error) {
        // The gateway has ended while a P that was gone already had not taken all.
        if (!(error instanceof SendOnClosedError)) throw error;
      }
    }).markInternal();
  }
}

/** Calls `deliver` with the symbol and the line of each tick, and waits where it asks for that. */
export async function eachTick(
  text: string,
  deliver: (symbol: string, line: string) => Promise<void> | null,
): Promise<void> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start) + 1;
    const from = start + 'TICK '.length;
    const busy = deliver(text.slice(from, text.indexOf(' ', from)), text.slice(start, end));
    if (busy !== null) await busy;
    start = end;
  }
}
