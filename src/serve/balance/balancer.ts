import type { Load } from '../load.ts';

/** Less than this is not worth the trouble, whoever else is idle. */
const BUSY = 0.75;
/** From here on utilisation says no more: what waits does. */
const SATURATED = 0.9;
/** So many times as many must wait, and so many more. */
const CROWDED_TIMES = 2;
const CROWDED_BY = 4;
/** Samples that it takes until a move shows in the figures. */
const SETTLING = 5;
/** So many samples who gave last is remembered, and as much longer as the next turn of direction would take, and twice that. */
const MEMORY = 600;
/** So many times as long a gap must last when it would turn the direction round. */
const TURN_FACTOR = 4;

/** Why connections move: see `MoveCount`. */
export type ShiftReason = 'busy' | 'crowded';

/** A part of what one P does is to become another's. */
export interface Shift {
  readonly from: number;
  readonly to: number;
  readonly why: ShiftReason;
  /** Above 0, at most a half. */
  readonly share: number;
}

export interface BalancerSettings {
  readonly gap: number;
  /** In samples. */
  readonly patience: number;
}

/** How two Ps stand to each other. */
interface Pair {
  /** Who gave last, and when. */
  from: number;
  movedAt: number;
  patience: number;
}

/**
 * Decides from samples of all loads who should give what to whom. Three things keep it from moving back what it has
 * moved: a gap has to last, no more than half of it is closed at a time, and then there is a pause until the figures show it.
 * And who moved the other way not long ago has to be patient for four times as long, each time: there are loads that no
 * distribution balances, as where what waits says nothing of what it costs, and these come to rest.
 */
export class Balancer {
  readonly #settings: BalancerSettings;
  /** For so many samples in a row each has been too busy. */
  readonly #since: number[] = [];
  /** Until which sample each is left alone. */
  readonly #pausedUntil: number[] = [];
  readonly #pairs = new Map<number, Pair>();
  #now = 0;

  constructor(settings: BalancerSettings) {
    this.#settings = settings;
  }

  /** One sample: of each P its load, or null while it cannot give or take anything. */
  sample(loads: readonly (Load | null)[]): Shift[] {
    this.#now++;
    const order = [...loads.keys()]
      .filter((index) => loads[index] !== null)
      .sort((a, b) => pressure(loads[b]!) - pressure(loads[a]!));
    const shifts: Shift[] = [];
    const tooBusy = new Set<number>();
    // The busiest with the idlest, the second of each, and so on.
    for (let i = 0, j = order.length - 1; i < j; i++, j--) {
      const [from, to] = [order[i]!, order[j]!];
      const found = this.#compare(loads[from]!, loads[to]!);
      if (found === null) continue;
      tooBusy.add(from);
      if (Math.max(this.#pausedUntil[from] ?? 0, this.#pausedUntil[to] ?? 0) >= this.#now) continue;
      const key = Math.min(from, to) * loads.length + Math.max(from, to);
      const patience = this.#patience(key, from);
      this.#since[from] = (this.#since[from] ?? 0) + 1;
      if (this.#since[from]! < patience) continue;
      this.#since[from] = 0;
      this.#pausedUntil[from] = this.#now + SETTLING;
      this.#pausedUntil[to] = this.#now + SETTLING;
      this.#pairs.set(key, { from, movedAt: this.#now, patience });
      shifts.push({ from, to, ...found });
    }
    for (const index of loads.keys()) if (!tooBusy.has(index)) this.#since[index] = 0;
    return shifts;
  }

  /** For how many samples in a row the gap has to be there: longer, the oftener it has turned round. */
  #patience(key: number, from: number): number {
    const pair = this.#pairs.get(key);
    if (pair === undefined) return this.#settings.patience;
    const toTurn = TURN_FACTOR * pair.patience;
    if (this.#now - pair.movedAt > MEMORY + 2 * toTurn) return this.#settings.patience;
    return pair.from === from ? pair.patience : toTurn;
  }

  #compare(hot: Load, cool: Load): { why: ShiftReason; share: number } | null {
    const difference = hot.utilization - cool.utilization;
    if (hot.utilization >= BUSY && difference >= this.#settings.gap) {
      return { why: 'busy', share: difference / 2 / hot.utilization };
    }
    const waiting = hot.runnable - cool.runnable;
    const isCrowded = hot.runnable >= CROWDED_TIMES * cool.runnable && waiting >= CROWDED_BY;
    if (cool.utilization >= SATURATED && isCrowded) {
      return { why: 'crowded', share: waiting / 2 / hot.runnable };
    }
    return null;
  }
}

function pressure({ utilization, runnable }: Load): number {
  return utilization >= SATURATED ? 1 + runnable : utilization;
}
