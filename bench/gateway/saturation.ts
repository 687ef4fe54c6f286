import { type Found, type GatewayStart, UnderLoad } from './under-load.ts';

const FIRST_RATE = 8000;
const STEP = 1.25;
/** Below this part of what was asked for, the gateway does not keep up. */
const KEPT_UP = 0.95;
/** Nor does it when every other order waits so long, in microseconds: a queue builds up. */
const LONGEST_P50 = 20_000;
/** The machine may have had something else to do: a step that failed is tried again. */
const ATTEMPTS = 2;

/**
 * The highest rate of orders that the gateway keeps up with, found by asking for more and more. Order after order
 * goes to another connection, so that each costs the gateway a receive and a send of its own.
 */
export async function findSaturation(
  connections: number,
  seconds: number,
  onStep: (rate: number, found: Found) => void,
  start: GatewayStart = {},
): Promise<number> {
  const tested = await UnderLoad.start(connections, start);
  try {
    // Compiled code and grown heaps are the same for all steps.
    await tested.run({ seconds: 2, rate: FIRST_RATE, feeds: 0 });
    let best = 0;
    for (let rate = FIRST_RATE; ; rate = Math.round(rate * STEP)) {
      let keptUp = false;
      for (let attempt = 0; attempt < ATTEMPTS && !keptUp; attempt++) {
        const found = await tested.run({ seconds, rate, feeds: 0 });
        onStep(rate, found);
        best = Math.max(best, found.throughput);
        keptUp = found.throughput >= KEPT_UP * rate && found.p50 <= LONGEST_P50;
      }
      if (!keptUp) return best;
    }
  } finally {
    await tested.stop();
  }
}
