import { reportCallback } from '../../eventloop/goroutine.ts';
import type { Watch } from '../../eventloop/host.ts';
import { type Connection, EventLoopError } from '../../eventloop/index.ts';
import type { Detached } from '../../net/index.ts';
import { OpError } from '../../net/index.ts';
import { now } from '../../runtime/clock.ts';
import type { ShedOrder } from '../messages.ts';

/** For so long it is watched who keeps this P busy, in milliseconds. */
const LOOK = 100;
/** What a call costs beside the handler, in milliseconds: a receive, a send. */
const CALL = 0.01;

/** What the handler's module says when one of its connections is to move. */
export type OnLeave = (conn: Connection) => unknown;

/** Whose callbacks are watched. */
export interface Watched {
  watch: Watch | null;
}

/**
 * Chooses who goes: of the connections that had requests just now those that together make up the part that is wanted.
 * One that is more than that by itself stays: it would only be too much for somebody else.
 */
export function chooseLeaving<C>(costs: Iterable<readonly [C, number]>, share: number): C[] {
  const all = [...costs].sort(([, a], [, b]) => b - a);
  let left = share * all.reduce((sum, [, cost]) => sum + cost, 0);
  const leaving: C[] = [];
  for (const [conn, cost] of all) {
    if (cost > left) continue;
    left -= cost;
    leaving.push(conn);
  }
  return leaving;
}

/** Gives connections of an event loop away, between two requests. */
export class Shedding implements Watch {
  readonly #loop: Watched;
  readonly #onLeave: OnLeave;
  readonly #rest: number;
  readonly #send: (detached: Detached, order: ShedOrder) => void;
  /** When those came that another P has served before. */
  readonly #arrived = new WeakMap<Connection, number>();
  #costs: Map<Connection, number> | null = null;

  constructor(
    loop: Watched,
    onLeave: OnLeave,
    rest: number,
    send: (detached: Detached, order: ShedOrder) => void,
  ) {
    this.#loop = loop;
    this.#onLeave = onLeave;
    this.#rest = rest;
    this.#send = send;
  }

  arrived(conn: Connection): void {
    this.#arrived.set(conn, now());
  }

  ran(conn: Connection, ms: number): void {
    const costs = this.#costs!;
    costs.set(conn, (costs.get(conn) ?? 0) + ms + CALL);
  }

  begin(order: ShedOrder): void {
    if (this.#costs !== null) return;
    this.#costs = new Map();
    this.#loop.watch = this;
    setTimeout(() => this.#end(order), LOOK).unref();
  }

  #end(order: ShedOrder): void {
    const costs = this.#costs!;
    this.#costs = null;
    this.#loop.watch = null;
    const settled = now() - this.#rest;
    for (const conn of chooseLeaving(costs, order.share)) {
      const since = this.#arrived.get(conn);
      if (conn.isAtRest && (since === undefined || since <= settled)) void this.#give(conn, order);
    }
  }

  async #give(conn: Connection, order: ShedOrder): Promise<void> {
    const onLeave = this.#onLeave;
    try {
      const state = onLeave(conn);
      if (state === false || !conn.isAtRest) return;
      // What cannot be cloned is found while it still can stay.
      this.#send(await conn.detach(structuredClone(state)), order);
    } catch (error) {
      // It has gone of itself meanwhile, or that very moment: no news.
      if (error instanceof OpError || error instanceof EventLoopError) return;
      reportCallback(error, onLeave, conn);
    }
  }
}
