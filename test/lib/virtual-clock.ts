interface Alarm {
  at: number;
  readonly fire: () => void;
}

/** Time that stands still until a test moves it. For files that have no other use for timers. */
export class VirtualClock {
  #now = 1000;
  readonly #alarms = new Set<Alarm>();
  readonly #real = {
    now: performance.now,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
  };

  install(): void {
    performance.now = () => this.#now;
    globalThis.setTimeout = ((fire: () => void, ms: number) => {
      const alarm = { at: this.#now + Math.max(1, ms), fire, ref: () => alarm, unref: () => alarm };
      this.#alarms.add(alarm);
      return alarm;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((alarm: unknown) => {
      this.#alarms.delete(alarm as Alarm);
    }) as typeof clearTimeout;
  }

  restore(): void {
    performance.now = this.#real.now;
    globalThis.setTimeout = this.#real.setTimeout;
    globalThis.clearTimeout = this.#real.clearTimeout;
  }

  /** Lets time pass without anything running, as a stalled loop does. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** Rings what is due by now. */
  ring(): void {
    for (const alarm of [...this.#alarms].sort((a, b) => a.at - b.at)) {
      if (alarm.at > this.#now || !this.#alarms.delete(alarm)) continue;
      alarm.fire();
    }
  }

  advance(ms: number): void {
    this.stall(ms);
    this.ring();
  }
}
