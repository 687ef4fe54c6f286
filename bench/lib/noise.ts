import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { cpuMicroseconds } from './cpu-time.ts';

/** What else happened on the cores of a measurement, as shares of their time. */
export interface Noise {
  /** CPU time of processes that had no part in it. */
  readonly others: number;
  /** What the hypervisor gave to somebody else. */
  readonly steal: number;
}

/** More than this in a slice, and it is measured again. */
const most: Noise = { others: 0.1, steal: 0.03 };

export function isNoisy({ others, steal }: Noise): boolean {
  return others > most.others || steal > most.steal;
}

interface Ticks {
  readonly busy: number;
  readonly steal: number;
}

/** Hundredths of a second, of all cores. */
function ticks(): Ticks {
  const [, ...fields] = /^cpu\s.*$/m.exec(readFileSync('/proc/stat', 'utf8'))![0].split(/\s+/);
  const [user, nice, system, , , irq, softirq, steal] = fields.map(Number);
  return { busy: user! + nice! + system! + irq! + softirq!, steal: steal! };
}

/** For loads that do not tell of it themselves: what happened between its making and `stop`, on all cores. */
export class NoiseMeter {
  readonly #pids: readonly number[];
  readonly #ours: number;
  readonly #ticks: Ticks;
  readonly #since = performance.now();

  /** `pids`: who takes part. */
  constructor(pids: readonly number[]) {
    this.#pids = pids;
    this.#ours = this.#cpu();
    this.#ticks = ticks();
  }

  stop(): Noise {
    const now = ticks();
    const seconds = ((performance.now() - this.#since) / 1000) * cpus().length;
    const busy = (now.busy - this.#ticks.busy) / 100;
    const ours = (this.#cpu() - this.#ours) / 1e6;
    return {
      others: Math.max(0, busy - ours) / seconds,
      steal: (now.steal - this.#ticks.steal) / 100 / seconds,
    };
  }

  #cpu(): number {
    const { user, system } = process.cpuUsage();
    return this.#pids.reduce((sum, pid) => sum + cpuMicroseconds(pid), user + system);
  }
}
