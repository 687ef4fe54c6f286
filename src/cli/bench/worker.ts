// A process of a load that one process alone cannot have.
import { IOError } from '../../io/index.ts';
import { runtime } from '../../runtime/index.ts';
import { collectRarely } from '../lib/heap.ts';
import type { Recorder } from './load.ts';
import { LocalLoad } from './local-load.ts';
import type { News, Order } from './orders.ts';
import { practise } from './practice.ts';

/** How often the main process is told what goes on, in milliseconds. */
const INTERVAL = 100;
const BATCH = 8192;

function tell(news: News): void {
  // Who has gone hears nothing: 'disconnect' ends this process.
  process.send!(news, undefined, undefined, () => {});
}

/** Collects latencies, and sends them on in batches. */
class Relay implements Recorder {
  readonly #batch = new Float64Array(BATCH);
  #length = 0;
  /** Those of a warm-up go nowhere. */
  keeps = false;

  record(ns: number): void {
    this.#batch[this.#length++] = ns;
    if (this.#length === BATCH) this.flush();
  }

  flush(): void {
    if (this.#length > 0 && this.keeps)
      tell({ news: 'latencies', latencies: this.#batch.slice(0, this.#length) });
    this.#length = 0;
  }
}

const relay = new Relay();
let load: LocalLoad | null = null;

function report(): void {
  relay.flush();
  if (load !== null) tell({ news: 'counts', counts: load.counts() });
}

async function carryOut(order: Order): Promise<void> {
  switch (order.order) {
    case 'open':
      load = new LocalLoad(order.plan, relay);
      await load.open();
      await practise(order.plan, relay);
      setInterval(report, INTERVAL);
      tell({ news: 'done', counts: load.counts() });
      break;
    case 'start':
      load!.start(order.messages);
      load!.spent.then(() => tell({ news: 'spent' }));
      break;
    case 'rehearse':
      load!.rehearse();
      break;
    case 'measure':
      relay.flush();
      relay.keeps = true;
      load!.measure();
      break;
    case 'halt': {
      const counts = await load!.halt();
      relay.flush();
      relay.keeps = false;
      tell({ news: 'done', counts });
      break;
    }
    case 'close':
      await load?.close();
      process.disconnect();
  }
}

runtime.holdLimit = 0;
collectRarely();
// A terminal's Ctrl-C is the main process's business: it wants to hear what has been counted.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => {
  carryOut(order).catch((error: unknown) => {
    if (!(error instanceof IOError)) throw error;
    tell({ news: 'failed', code: error.code, message: error.message });
  });
});
