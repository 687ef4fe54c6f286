/** The longest that Node's timers take: it only has to be there. */
const FOR_EVER = 2 ** 31 - 1;

/** Keeps the event loop alive while somebody has a reason to stay. Sockets themselves never do. */
export class LoopHolder {
  #reasons = 0;
  readonly #timer = setInterval(() => {}, FOR_EVER).unref();

  hold(): void {
    if (this.#reasons++ === 0) this.#timer.ref();
  }

  release(): void {
    if (--this.#reasons === 0) this.#timer.unref();
  }
}
