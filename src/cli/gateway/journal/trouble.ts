import { now } from '../../../runtime/clock.ts';
import { escapeText } from '../../../runtime/escape.ts';

/** At most one line in so many milliseconds. */
const INTERVAL = 10_000;

/** Tells the operator on stderr that orders are rejected, and why; not once for each. */
export class JournalTrouble {
  #told = Number.NEGATIVE_INFINITY;
  #untold = 0;

  report(failure: unknown): void {
    this.#untold++;
    if (now() - this.#told < INTERVAL) return;
    const why = escapeText(failure instanceof Error ? failure.message : String(failure));
    console.error(`gopark gateway: the journal failed, ${this.#untold} orders were rejected: ${why}`);
    this.#told = now();
    this.#untold = 0;
  }
}
