import { TICK, turnTick } from '../../runtime/turns.ts';
import type { Session } from './session.ts';

/** Between two looks at the sessions, in milliseconds. */
const SHORTEST_STEP = 10;
const LONGEST_STEP = 1000;

/**
 * How long peers may be silent. A session has its instant, in ticks, and moves it on by a store; one timer for all
 * looks through them, and so may find it a sixteenth too late.
 */
export class Silence {
  readonly #first: number;
  readonly #idle: number;
  readonly #timer: NodeJS.Timeout;

  /** Times are milliseconds. */
  constructor(firstLineTimeout: number, idleTimeout: number, sessions: ReadonlySet<Session>) {
    this.#first = Math.ceil(firstLineTimeout / TICK);
    this.#idle = Math.ceil(idleTimeout / TICK);
    const step = Math.min(firstLineTimeout, idleTimeout) / 16;
    this.#timer = setInterval(
      () => {
        const tick = turnTick();
        for (const session of sessions) {
          if (session.deadline !== 0 && session.deadline <= tick) session.expire();
        }
      },
      Math.min(LONGEST_STEP, Math.max(SHORTEST_STEP, step)),
    ).unref();
  }

  /** When a new connection must have sent a line. */
  first(): number {
    return turnTick() + this.#first;
  }

  /** When one that has sent a line must have sent the next. */
  next(): number {
    return turnTick() + this.#idle;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
