import { LOAD_INTERVAL } from '../load.ts';
import type { Handed } from '../messages.ts';
import type { ProcThread } from '../proc-thread.ts';
import { Balancer } from './balancer.ts';
import type { BalancePlan } from './options.ts';

/** Who has not taken a connection for so long, in milliseconds, hangs: others may have it. */
const HUNG = 150;
/** Whoever is less busy than this can take it at once. */
const FREE = 0.75;

/** What the balancing asks of the server. */
export interface Balanced {
  /** In their order. */
  readonly current: readonly ProcThread[];
  /** Gives to another one what this one does not take. */
  placeElsewhere(handed: Handed, not: ProcThread): void;
}

/** Looks at all Ps ten times a second, and tells those that have too much to do to give away a part of it. */
export class Balancing {
  readonly #server: Balanced;
  readonly #balancer: Balancer;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(server: Balanced, plan: BalancePlan) {
    this.#server = server;
    this.#balancer = new Balancer(plan);
    this.#timer = setInterval(() => this.#look(), LOAD_INTERVAL);
    // The Ps keep the process alive.
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const procs = this.#server.current;
    const loads = procs.map((proc) => (proc.state === 'ready' ? proc.load : null));
    for (const { from, to, share, why } of this.#balancer.sample(loads)) {
      procs[from]!.shed({ to, share, why });
    }
    for (const [index, proc] of procs.entries()) {
      const isFree = loads.some((load, other) => other !== index && load !== null && load.utilization < FREE);
      if (!isFree) continue;
      for (const handed of proc.takeBack(HUNG)) this.#server.placeElsewhere(handed, proc);
    }
  }
}
