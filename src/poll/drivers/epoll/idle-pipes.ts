/** Milliseconds without a bulk copy after which the pooled pipes are closed. */
const IDLE = 5000;

/** Sees to it that a process whose copies are through has no pipes open any more. */
export class IdlePipes {
  readonly #trim: () => void;
  #armed = false;
  #used = false;

  constructor(trim: () => void) {
    this.#trim = trim;
  }

  /** Some pipe has been in use. */
  used(): void {
    this.#used = true;
    if (!this.#armed) this.#arm();
  }

  #arm(): void {
    this.#armed = true;
    this.#used = false;
    setTimeout(() => {
      this.#armed = false;
      if (this.#used) this.#arm();
      else this.#trim();
    }, IDLE).unref();
  }
}
