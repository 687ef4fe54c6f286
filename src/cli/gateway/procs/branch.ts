import { monitorEventLoopDelay } from 'node:perf_hooks';
import { go } from '../../../runtime/index.ts';
import { SharedBroadcast, SharedChan, type Subscription } from '../../../sync/index.ts';
import { Hall } from '../hall.ts';
import { Market } from '../market.ts';
import { RemoteExchange } from './remote-exchange.ts';
import { RemoteJournal } from './remote-journal.ts';
import { SharedAdmission } from './shared-admission.ts';
import { sharedCounters, sumOfCounters } from './shared-counters.ts';
import { eachTick } from './tick-desk.ts';
import type { Wiring } from './wiring.ts';

/** How often a P says how long its event loop was held, and how closely it looks; milliseconds. */
const INTERVAL = 250;
const RESOLUTION = 5;

/** The gateway in one of several Ps. */
export class Branch {
  readonly hall: Hall;

  constructor(index: number, wiring: Wiring) {
    const { options } = wiring;
    const counters = sharedCounters(wiring.counters, index);
    const market = new Market(
      options.maxSymbols,
      counters,
      new RemoteExchange(SharedChan.from(wiring.prices)),
    );
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
    const ticks: Subscription<string> = SharedBroadcast.from<string>(wiring.ticks).subscribe();
    go(async () => {
      for await (const text of ticks) await eachTick(text, (symbol, line) => market.deliver(symbol, line));
    }).markInternal();
    if (wiring.stalls !== null) tellStalls(new Float64Array(wiring.stalls, index * 8, 1));
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
