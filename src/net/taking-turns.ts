import { nextTurn, spend } from '../runtime/budget.ts';

/**
 * Brings waiting calls what they wait for, one after the other: at once, and when that has gone well for too long a turn
 * later, or goroutines that keep each other busy would let nobody else run.
 */
export class TakingTurns {
  readonly #waiting: () => boolean;
  readonly #serve: () => boolean;
  #postponed = false;

  /** `waiting`: whether there is anybody to serve. `serve`: serves one; false: there is nothing for it. */
  constructor(waiting: () => boolean, serve: () => boolean) {
    this.#waiting = waiting;
    this.#serve = serve;
  }

  go(): void {
    while (!this.#postponed && this.#waiting()) {
      if (spend()) {
        this.#postponed = true;
        void nextTurn().then(() => {
          this.#postponed = false;
          this.go();
        });
        return;
      }
      if (!this.#serve()) return;
    }
  }

  /** The same at once, for those who wait now. */
  goNow(): void {
    while (this.#waiting() && this.#serve());
  }
}
