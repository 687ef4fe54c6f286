/**
 * What a lock or semaphore gives to who has it: `using` gives it back at the end of the block, `release` earlier. The
 * second of two releases does nothing.
 *
 * @example
 * ```ts
 * import { type Guard, Semaphore } from 'gopark/sync';
 *
 * const seats = new Semaphore(2);
 * const seat: Guard = await seats.acquire();
 * seat.release();
 * console.log(seats.available); // 2
 * ```
 */
export interface Guard extends Disposable {
  release(): void;
}

/** Gives back once. */
export class OnceGuard implements Guard {
  #giveBack: (() => void) | null;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  release(): void {
    const giveBack = this.#giveBack;
    this.#giveBack = null;
    giveBack?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
