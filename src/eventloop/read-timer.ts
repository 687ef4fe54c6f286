import type { Timer } from '../runtime/timers.ts';
import type { Receiving } from './receiving.ts';

/** When a reading call has waited for long enough. */
export class ReadTimer implements Timer {
  when = 0;
  index = -1;
  /** What is parked holds the process already. */
  readonly holds = false;
  due = 0;
  readonly #conn: Receiving;

  constructor(conn: Receiving) {
    this.#conn = conn;
  }

  fire(): void {
    this.#conn.readTimedOut();
  }
}
