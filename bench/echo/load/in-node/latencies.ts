/** Steps of a factor of e. */
const STEPS = 32;

/** A histogram with steps of 3 %. */
export class Latencies {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #largest = 0;

  record(microseconds: number): void {
    const step = Math.round(Math.log(Math.max(1, microseconds)) * STEPS);
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + 1);
    this.#count++;
    this.#largest = Math.max(this.#largest, microseconds);
  }

  #histogram(): (readonly [number, number])[] {
    return [...this.#counts]
      .sort(([a], [b]) => a - b)
      .map(([step, count]) => [Math.exp(step / STEPS), count] as const);
  }

  percentile(share: number): number {
    let left = share * this.#count;
    for (const [at, count] of this.#histogram()) {
      left -= count;
      if (left <= 0) return at;
    }
    return 0;
  }

  /** What the C program's print_latencies prints. */
  report() {
    return {
      count: this.#count,
      p50: this.percentile(0.5),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.#largest,
      histogram: this.#histogram(),
    };
  }
}
