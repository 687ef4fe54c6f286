import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Recorder } from './load.ts';

/** An hour, in nanoseconds: the histogram's end. */
const LONGEST = 3600e9;

export function newHistogram(): RecordableHistogram {
  // Three figures: within 0.1 %.
  return createHistogram({ lowest: 1, highest: LONGEST, figures: 3 });
}

/** Latencies of the running second and of the whole window. */
export class Tally implements Recorder {
  /** One for all seconds: to V8 each histogram is a thing of its own, and what was compiled for another is compiled anew. */
  readonly #second = newHistogram();
  readonly #ended = newHistogram();
  #whole = newHistogram();

  record(ns: number): void {
    this.#second.record(ns < 1 ? 1 : ns > LONGEST ? LONGEST : Math.round(ns));
  }

  /** What came since the last call; valid until the next one. */
  endSecond(): RecordableHistogram {
    this.#whole.add(this.#second);
    this.#ended.reset();
    this.#ended.add(this.#second);
    this.#second.reset();
    return this.#ended;
  }

  /** All of the window. */
  get whole(): RecordableHistogram {
    this.endSecond();
    return this.#whole;
  }

  /** A window begins: what came before it does not belong to it. */
  begin(): void {
    this.#second.reset();
    this.#whole = newHistogram();
  }
}
