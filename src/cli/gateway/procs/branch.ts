import { monitorEventLoopDelay } from 'node:perf_hooks';
import { go } from '../../../runtime/index.ts';
import { SharedBroadcast, SharedChan, type Subscription } from '../../../sync/index.ts';
import { Hall } from '../hall.ts';
import type { History } from '../history.ts';
import { Market } from '../market.ts';
import { askForPast, receivePast } from './past.ts';
import { RemoteExchange } from './remote-exchange.ts';
import { RemoteJournal } from './remote-journal.ts';
import { SharedAdmission } from './shared-admission.ts';
import { sharedCounters, sumOfCounters } from './shared-counters.ts';
import { eachTick } from './ticks.ts';
import type { Wiring } from './wiring.ts';

/** How often a P says how long its event loop was held, and how closely it looks; milliseconds. */
const INTERVAL = 250;
const RESOLUTION = 5;

/** The gateway in one of several Ps. */
export class Branch {
  readonly hall: Hall;

  private constructor(
    index: number,
    wiring: Wiring,
    prices: SharedChan<string>,
    ticks: Subscription<string>,
    history: History | null,
  ) {
    const { options } = wiring;
    const counters = sharedCounters(wiring.counters, index);
    const market = new Market(options.maxSymbols, counters, new RemoteExchange(prices), history);
    const sequence = new BigInt64Array(wiring.sequence);
    const journal =
      wiring.orders === null
        ? null
        : new RemoteJournal(index, SharedChan.from(wiring.orders), SharedChan.from(wiring.answers[index]!));
    this.hall = new Hall({
      options,
      counters,
      stats: () => sumOfCounters(wiring.counters),
      admission: new SharedAdmission(wiring.admission, index, options),
      market,
      journal,
      // Of an order that a journal takes it is known only with its fate.
      nextSequence: () => (journal === null ? Number(Atomics.add(sequence, 0, 1n)) + 1 : 0),
      // The main thread tells.
      onTrouble: () => {},
    });
    // Some of the first may be known from what was told of the past.
    let known = history?.last ?? 0;
    go(async () => {
      for await (const text of ticks) {
        await eachTick(text, (symbol, line, number) => {
          if (history === null) return market.deliver(symbol, line);
          if (number <= known) return null;
          known = 0;
          return market.deliver(symbol, line, number);
        });
      }
    }).markInternal();
    if (wiring.stalls !== null) tellStalls(new Float64Array(wiring.stalls, index * 8, 1));
  }

  static async open(index: number, wiring: Wiring): Promise<Branch> {
    const prices = SharedChan.from<string>(wiring.prices);
    const ticks = SharedBroadcast.from<string>(wiring.ticks).subscribe();
    const { nats } = wiring.options;
    if (nats === null) return new Branch(index, wiring, prices, ticks, null);
    // From here on nothing is missed; what was before, the main thread knows.
    await prices.send(askForPast(index));
    const history = await receivePast(SharedChan.from<string>(wiring.past[index]!), nats.history);
    return new Branch(index, wiring, prices, ticks, history);
  }
}

function tellStalls(cell: Float64Array): void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  setInterval(() => {
    cell[0] = Math.max(cell[0]!, delay.max / 1e6 - RESOLUTION);
    delay.reset();
  }, INTERVAL).unref();
}
