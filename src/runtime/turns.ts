import { now } from './clock.ts';

/**
 * A number that changes whenever the event loop has been round. Ours, moved by an immediate for each turn in which
 * somebody asked for the time, until a driver that sees the loop turn anyway lends its own.
 */
let words: Int32Array = new Int32Array(1);
let index = 0;
let lent = false;

let turnOfInstant = -1;
let instant = 0;
let tick = 0;

/**
 * Milliseconds in a tick, the unit in which parked calls remember when they began: a number of ticks is a small
 * integer for more than a year, and that is a field without an allocation.
 */
export const TICK = 16;

function turned(): void {
  words[index]! += 1;
}

/** From now on `shared[at]` is the number of the loop's turn. */
export function lendTurns(shared: Int32Array, at: number): void {
  words = shared;
  index = at;
  lent = true;
  turnOfInstant = words[index]! - 1;
}

/** The clock as it stood when it was first looked at in this turn of the event loop: reading it costs two loads. */
export function turnNow(): number {
  if (words[index] !== turnOfInstant) enterTurn(now());
  return instant;
}

/** The same in ticks. */
export function turnTick(): number {
  if (words[index] !== turnOfInstant) enterTurn(now());
  return tick;
}

/** It is `at` now, and something of ours runs. */
export function enterTurn(at: number): void {
  instant = at;
  tick = Math.trunc(at / TICK);
  if (words[index] === turnOfInstant) return;
  turnOfInstant = words[index]!;
  if (!lent) setImmediate(turned);
}
