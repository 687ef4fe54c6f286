import type { ProcStatus } from '../../serve/index.ts';

/** How the work was spread over the Ps. */
export class Spread {
  #last: readonly ProcStatus[] = [];
  readonly #busiest: number[] = [];

  read(procs: readonly ProcStatus[]): void {
    this.#last = procs;
    for (const { index, utilization } of procs) {
      this.#busiest[index] = Math.max(this.#busiest[index] ?? 0, utilization);
    }
  }

  /** null: there are no Ps. */
  describe(): string | null {
    if (this.#last.length === 0) return null;
    const describeOne = ({ index, connections, restarts }: ProcStatus) => {
      const busy = `${Math.round(this.#busiest[index]! * 100)} % busy at most`;
      return `P ${index} ${connections} connections, ${busy}${restarts > 0 ? `, ${restarts} restarts` : ''}`;
    };
    return this.#last.map(describeOne).join('; ');
  }
}
