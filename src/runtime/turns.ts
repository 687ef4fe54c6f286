import { now } from './clock.ts';

/**
 * Milliseconds in a tick, the unit in which parked calls remember when they began: a number of ticks is a small
 * integer for more than a year, and that is a field without an allocation.
 */
export const TICK = 16;

/** Changes whenever the event loop goes to sleep. */
const TURN = 0;
/** In microseconds: since when something of ours runs in this turn; 0: nothing did. */
const RAN_FROM = 1;
/** In microseconds: how long the last turn went on after that. */
const RAN_FOR = 2;

/**
 * The three words above. Ours are moved by an immediate for each turn in which somebody asked for the time, until a
 * driver that sees the loop turn anyway lends its own.
 */
let words: Int32Array = new Int32Array(3);
let base = 0;
let lent = false;
/** From our clock to the microseconds of who lent the words. */
let offset = 0;

let turnOfInstant = -1;
let instant = 0;
let tick = 0;
let turnsSeen = 0;

/** Somebody held the event loop for so many milliseconds: from `sinceTick` on, until now if it was who calls. */
export type HoldListener = (ms: number, sinceTick: number, byCaller: boolean) => void;

let holdLimit = Number.POSITIVE_INFINITY;
let onHold: HoldListener = () => {};
/** Whether the clock is looked at for every wait, not only once a turn: that finds who held the loop. */
let watching = false;

/**
 * From now on these are the words: `shared[at]` and the two behind it. The second says what time it is by the clock
 * of who lends them.
 */
export function lendTurns(shared: Int32Array, at: number): void {
  words = shared;
  base = at;
  lent = true;
  offset = shared[at + RAN_FROM]! - now() * 1000;
  shared[at + RAN_FROM] = 0;
  turnOfInstant = words[base]! - 1;
  turnsSeen = 0;
}

export function watchHolds(limit: number, listener: HoldListener): void {
  holdLimit = limit > 0 ? limit : Number.POSITIVE_INFINITY;
  onHold = listener;
}

export function watchClosely(on: boolean): void {
  watching = on;
}

/** Whether the clock is looked at for every wait at the moment. */
export function isWatchingClosely(): boolean {
  return watching;
}

/** The clock as it stood when it was first looked at in this turn of the event loop: reading it costs two loads. */
export function turnNow(): number {
  if (watching || words[base] !== turnOfInstant) enterTurn(now(), true);
  return instant;
}

/** The same in ticks. */
export function turnTick(): number {
  if (watching || words[base] !== turnOfInstant) enterTurn(now(), true);
  return tick;
}

/** How often the event loop has been round, as far as anybody looked. */
export function turnCount(): number {
  return words[base]! >>> 0;
}

/**
 * It is `at` now, and something of ours runs.
 *
 * @param goesOn whether who calls has been running; else the event loop has only just come to us
 */
export function enterTurn(at: number, goesOn = false): void {
  const turn = words[base]!;
  const sameTurn = turn === turnOfInstant;
  const held = sameTurn ? at - instant : words[base + RAN_FOR]! / 1000;
  const heldTick = tick;
  instant = at;
  tick = Math.trunc(at / TICK);
  words[base + RAN_FROM] = (at * 1000 + offset) | 1;
  if (!sameTurn) {
    turnsSeen++;
    turnOfInstant = turn;
    words[base + RAN_FOR] = 0;
    if (!lent) setImmediate(turned);
  }
  // The first turn is that of the main module, which may take its time: what is told of it comes in the second.
  if (held > holdLimit && turnsSeen > 2) onHold(held, heldTick, sameTurn && goesOn);
}

/** What ran until now was a dump or the like: nobody's hold. */
export function excuseHold(): void {
  instant = now();
  words[base + RAN_FROM] = (instant * 1000 + offset) | 1;
}

/** What a driver does that lends its words. The immediate ran in the same turn: it has not let the loop sleep. */
function turned(): void {
  if (lent) return;
  words[TURN]! += 1;
  words[RAN_FOR] = Math.min(2 ** 31 - 1, (now() - instant) * 1000);
  words[RAN_FROM] = 0;
}
