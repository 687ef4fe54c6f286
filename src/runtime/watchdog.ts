import { ArgumentRangeError } from '../io/index.ts';
import { chainsOf, markGoroutine, ownChain } from './chains.ts';
import { now } from './clock.ts';
import { escapeText } from './escape.ts';
import type { Goroutine } from './goroutine.ts';
import { allGoroutines, runningGoroutine } from './registry.ts';
import { placeOf, shortPath } from './source.ts';
import { complain } from './stderr.ts';
import { TICK, watchClosely, watchHolds } from './turns.ts';
import { allWaits, type WaitRecord } from './waits.ts';

/**
 * Who may have held the event loop.
 *
 * @example
 * ```ts
 * import { runtime, type Suspect } from 'gopark';
 *
 * const show = ({ goroutine, place }: Suspect) => `${goroutine?.label ?? '?'} before it waited in ${place}`;
 * runtime.onHold = ({ suspects }) => console.warn(suspects.map(show));
 * ```
 */
export interface Suspect {
  /** Null: it has ended, or nothing shows which it is. */
  readonly goroutine: Goroutine | null;
  /** The function, and where it waited next: `parse (session.ts:40:7)`. '': unknown. */
  readonly place: string;
}

/**
 * The event loop was held: nothing else ran for so long.
 *
 * @example
 * ```ts
 * import { type LongHold, runtime } from 'gopark';
 *
 * const holds: LongHold[] = [];
 * runtime.onHold = (hold) => holds.push(hold);
 * ```
 */
export interface LongHold {
  readonly milliseconds: number;
  /**
   * Who may have done it, one for each creation site and place. Usually one; with several only the next hold of
   * theirs shows which, and with none it was a goroutine that did not wait in gopark afterwards, or no goroutine.
   */
  readonly suspects: readonly Suspect[];
}

/**
 * What is told of holds, or null.
 *
 * @example
 * ```ts
 * import { runtime } from 'gopark';
 * import type { HoldHook } from 'gopark/runtime';
 *
 * const hook: HoldHook = ({ milliseconds }) => console.warn(`held for ${milliseconds} ms`);
 * runtime.onHold = hook;
 * ```
 */
export type HoldHook = ((hold: LongHold) => void) | null;

/** After a hold the clock is looked at more often for so long, to see who does it. */
const CLOSE_WATCH = 20_000;
/** To look for who it was costs milliseconds itself. */
const INTERVAL = 1000;
const MOST_SUSPECTS = 8;
const MOST_LOOKED_AT = 64;
const MOST_MARKED = 2000;
const MOST_REPORTED = 1000;

/** How often the event loop was held for longer than the limit, and for how long at most, in milliseconds. */
export const holdCounts = { holds: 0, longest: 0 };

let limit = 100;
let hook: HoldHook = null;
let installed = false;
let lastLook = Number.NEGATIVE_INFINITY;
let closeUntil = 0;
let alarm: NodeJS.Timeout | null = null;
const reported = new Set<string>();

export function getHoldLimit(): number {
  return limit;
}

export function setHoldLimit(ms: number): void {
  if (typeof ms !== 'number' || Number.isNaN(ms) || ms < 0) {
    throw new ArgumentRangeError('holdLimit', 'milliseconds, 0 or more', ms);
  }
  limit = ms;
  if (installed) watchHolds(limit, held);
}

export function getHoldHook(): HoldHook {
  return hook;
}

export function setHoldHook(onHold: HoldHook): void {
  hook = onHold;
}

export function installWatchdog(): void {
  installed = true;
  const forced = process.env.GOPARK_HOLD_LIMIT;
  if (forced !== undefined && forced !== '') {
    const ms = Number(forced);
    if (ms >= 0) limit = ms;
    else complain(`gopark: GOPARK_HOLD_LIMIT=${escapeText(forced)}: expected milliseconds\n`);
  }
  watchHolds(limit, held);
}

function held(ms: number, sinceTick: number, byCaller: boolean): void {
  holdCounts.holds++;
  holdCounts.longest = Math.max(holdCounts.longest, ms);
  const instant = now();
  const close = instant < closeUntil;
  closeUntil = instant + CLOSE_WATCH;
  watchAWhile();
  if (instant - lastLook < INTERVAL && !byCaller) return;
  lastLook = instant;
  // Who waited since the last look at the clock has not held the loop when that was a moment before the end.
  const suspects = byCaller ? [caller()] : close ? [] : suspectsSince(sinceTick);
  tell({ milliseconds: ms, suspects }, byCaller);
}

function watchAWhile(): void {
  watchClosely(true);
  if (alarm !== null) return;
  alarm = setTimeout(() => {
    alarm = null;
    if (now() < closeUntil) watchAWhile();
    else watchClosely(false);
  }, CLOSE_WATCH);
  alarm.unref();
}

function markSome(): Map<number, Goroutine> {
  const byId = new Map<number, Goroutine>();
  for (const goroutine of allGoroutines()) {
    markGoroutine(goroutine);
    byId.set(goroutine.id, goroutine);
    if (byId.size === MOST_MARKED) break;
  }
  return byId;
}

/** Who runs now. */
function caller(): Suspect {
  const byId = markSome();
  const { frames, goroutine } = ownChain(held);
  return { goroutine: runningGoroutine() ?? byId.get(goroutine) ?? null, place: placeOf(frames) };
}

/** Whoever began to wait in that slice of time has run in it. */
function suspectsSince(sinceTick: number): Suspect[] {
  const waits: WaitRecord[] = [];
  for (const wait of allWaits()) {
    if (Math.trunc(wait.since / TICK) !== sinceTick) continue;
    if (waits.push(wait) === MOST_LOOKED_AT) break;
  }
  if (waits.length === 0) return [];
  const byId = markSome();
  const suspects = new Map<string, Suspect>();
  for (const [i, { frames, goroutine: id }] of chainsOf(waits.map((wait) => wait.resolve)).entries()) {
    const goroutine = byId.get(id) ?? waits[i]!.goroutine ?? null;
    if (goroutine === null && frames.length === 0) continue;
    const suspect = { goroutine, place: placeOf(frames) };
    suspects.set(`${goroutine?.site ?? ''} ${suspect.place}`, suspect);
  }
  return [...suspects.values()].slice(0, MOST_SUSPECTS);
}

/** `seen`: while it held the loop; else code that never waits in gopark may have been it. */
function tell(hold: LongHold, seen: boolean): void {
  if (hook !== null) {
    const told = hook;
    // Not inside whatever call of the program looked at the clock; and what it throws is an uncaught exception.
    queueMicrotask(() => told(hold));
    return;
  }
  const key = hold.suspects.map(({ goroutine, place }) => goroutine?.site ?? place).join('\n');
  if (reported.has(key) || reported.size >= MOST_REPORTED) return;
  reported.add(key);
  const who = hold.suspects.map(nameOf);
  const by =
    who.length === 0
      ? 'by a goroutine that did not wait afterwards, or by other code'
      : who.length === 1
        ? `by ${who[0]}`
        : `by one of these: ${who.join('; ')}`;
  const others = seen || who.length === 0 ? '' : ', or by other code beside it';
  complain(`gopark: the event loop was held for ${Math.round(hold.milliseconds)} ms ${by}${others}\n`);
}

/** Inferred: something that ran beside it and never waits in gopark may have been it instead. */
function nameOf({ goroutine, place }: Suspect): string {
  const then = place === '' ? '' : `, which then waited in ${escapeText(place)}`;
  if (goroutine === null) return `goroutine ?${then}`;
  const label = goroutine.label === '' ? '' : ` ${escapeText(goroutine.label)}`;
  return `goroutine ~${goroutine.id}${label}, created at ${escapeText(shortPath(goroutine.site))}${then}`;
}
