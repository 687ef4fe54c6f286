import { FD } from '../poll/index.ts';
import { now } from '../runtime/clock.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { Connection } from './connection.ts';
import type { Host } from './host.ts';

/** One timer for all connections of a host: it looks through their instants, which they move on by a store each. */
export class IdleSweep implements Timer {
  when = 0;
  index = -1;
  readonly holds = false;
  readonly #host: Host;
  /** The least time between two sweeps, and so the most that one may come late. */
  readonly #step: number;

  constructor(host: Host) {
    this.#host = host;
    this.#step = Math.max(1, host.limits.idleTimeout / 16);
  }

  /** There is a connection. */
  begin(): void {
    if (this.index < 0) timers.set(this, now() + this.#host.limits.idleTimeout);
  }

  end(): void {
    timers.delete(this);
  }

  fire(): void {
    const instant = now();
    let next = instant + this.#host.limits.idleTimeout;
    let any = false;
    for (const owner of this.#host.poller.owners()) {
      const conn = owner instanceof FD ? owner.owner : null;
      if (!(conn instanceof Connection) || conn.host !== this.#host || !conn.isActive) continue;
      any = true;
      const until = conn.idleUntil;
      if (until <= instant) conn.closeIdle();
      else if (until < next) next = until;
    }
    if (any) timers.set(this, Math.max(next, instant + this.#step));
  }
}
