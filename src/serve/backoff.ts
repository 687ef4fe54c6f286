const FIRST = 100;
const LONGEST = 10_000;
/** Who has lived for so long begins anew. */
const STEADY = 10_000;

/** How long to wait before something that failed is started again, in milliseconds: twice as long each time. */
export class Backoff {
  #next = FIRST;

  /** After a life of so many milliseconds. */
  after(life: number): number {
    if (life >= STEADY) this.#next = FIRST;
    const pause = this.#next;
    this.#next = Math.min(2 * pause, LONGEST);
    return pause;
  }
}
