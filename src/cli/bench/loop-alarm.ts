import type { Alarm } from '../../poll/alarm.ts';
import { now } from '../../runtime/clock.ts';

/** Timers of the system are this late at worst, in milliseconds; from here on the event loop goes round and round. */
const CLOSE = 2.5;
const EARLY = 1.5;
/**
 * While nothing is due for longer than this, in milliseconds, each time round the event loop takes so long at least: an
 * immediate leaves 350 bytes behind, and half a million of them a second would be collected every 40 ms.
 */
const PAUSE = 0.004;

/** Where the driver has no alarm: timers are exact to a millisecond, so the event loop does not sleep shortly before. */
export class LoopAlarm implements Alarm {
  readonly #onDue: () => void;
  #when = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  /** Whether an immediate will look. */
  #turning = false;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  set(when: number): void {
    this.#when = when;
    if (this.#turning) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wait();
  }

  close(): void {
    this.set(Number.POSITIVE_INFINITY);
  }

  #wait(): void {
    if (this.#when === Number.POSITIVE_INFINITY) return;
    const at = now();
    const ahead = this.#when - at;
    if (ahead < CLOSE) {
      if (ahead > PAUSE) while (now() - at < PAUSE);
      this.#turning = true;
      setImmediate(this.#turn);
    } else {
      this.#timer = setTimeout(this.#turn, Math.floor(ahead - EARLY));
    }
  }

  readonly #turn = (): void => {
    this.#timer = null;
    // Whoever sets it meanwhile need not begin to wait.
    this.#turning = true;
    if (now() >= this.#when) this.#onDue();
    this.#turning = false;
    this.#wait();
  };
}
