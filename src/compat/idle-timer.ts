/** Goes off after a time in which nothing happened, again and again; keeps no process alive. */
export class IdleTimer {
  /** Milliseconds; 0: never. */
  after = 0;
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  set(ms: number): void {
    this.stop();
    this.after = ms;
    if (ms > 0) this.#timer = setTimeout(this.#expired, ms).unref();
  }

  /** Something has happened. */
  refresh(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.after = 0;
  }
}
