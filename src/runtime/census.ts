import { type Chain, chainsOf, type Frame, markGoroutine, ownChain } from './chains.ts';
import type { Goroutine } from './goroutine.ts';
import { allGoroutines, runningGoroutine } from './registry.ts';
import { excuseHold } from './turns.ts';
import { allWaits, type WaitReason, type WaitRecord } from './waits.ts';

/** How sure it is whose a wait is. */
export type Certainty = 'exact' | 'inferred' | 'unknown';

export type State = WaitReason | 'goroutine' | 'running' | 'runnable' | 'elsewhere';

/** What one goroutine does, or one wait that no goroutine is known to be in. */
export interface Entry {
  readonly state: State;
  readonly wait: Pick<WaitRecord, 'since' | 'waitOperation' | 'describeWait' | 'mayEndByItself'> | null;
  readonly goroutine: Goroutine | null;
  readonly certainty: Certainty;
  /** The functions that await, the innermost first; none: nothing is known. */
  readonly frames: readonly Frame[];
  /** False: one of very many, of which not all were asked who awaits them. */
  readonly probed: boolean;
}

/** More than these are not looked at one by one: each costs microseconds. */
const MOST_PROBED = 20_000;
/** A mark takes half a kilobyte until its goroutine ends, so only so many of the latest and of the oldest have one. */
const MOST_MARKED = 18_000;
const OLDEST_MARKED = 2000;

/** Awaiting another goroutine's `done`: no wait of its own, but good to see. */
class DoneWait {
  readonly since = Number.NaN;
  readonly waitReason = 'goroutine';
  readonly resolve: unknown;
  readonly target: Goroutine;

  constructor(target: Goroutine, resolve: unknown) {
    this.target = target;
    this.resolve = resolve;
  }

  describeWait(): string {
    return `goroutine ${this.target.id}`;
  }
}

/**
 * Everybody: each goroutine with what it waits for, and the waits of nobody that is known. Who runs is found from
 * where `callee` was called.
 */
export function takeCensus(callee: (...args: never[]) => unknown): Entry[] {
  const goroutines = [...allGoroutines()];
  const byId = new Map<number, Goroutine>();
  const servants = new Map<object, Goroutine>();
  const waits = [...allWaits()];
  const dones: DoneWait[] = [];
  for (const [i, goroutine] of goroutines.entries()) {
    if (i < MOST_MARKED || i >= goroutines.length - OLDEST_MARKED) markGoroutine(goroutine);
    byId.set(goroutine.id, goroutine);
    const { serves, doneResolve } = goroutine;
    if (serves !== null) servants.set(serves, goroutine);
    if (doneResolve !== null) dones.push(new DoneWait(goroutine, doneResolve));
  }
  const chains = probe([...waits, ...dones]);
  const seen = new Set<Goroutine>();
  const entries: Entry[] = [];
  for (const wait of waits) {
    const chain = chains.get(wait);
    const entry = attribute(wait, chain, byId.get(chain?.goroutine ?? 0) ?? null, servants);
    if (entry.goroutine !== null) seen.add(entry.goroutine);
    entries.push(entry);
  }
  for (const done of dones) {
    const chain = chains.get(done);
    // Whoever only holds the promise does not wait.
    if (chain === undefined || (chain.goroutine === 0 && chain.frames.length === 0)) continue;
    const { frames } = chain;
    const goroutine = byId.get(chain.goroutine) ?? null;
    if (goroutine !== null) seen.add(goroutine);
    const certainty = goroutine === null ? 'unknown' : 'exact';
    entries.push({ state: 'goroutine', wait: done, goroutine, certainty, frames, probed: true });
  }
  const own = ownChain(callee);
  const running = byId.get(own.goroutine) ?? runningGoroutine();
  for (const goroutine of goroutines) {
    if (seen.has(goroutine)) continue;
    const begun = goroutine.tail !== null;
    const state = goroutine === running ? 'running' : begun ? 'elsewhere' : 'runnable';
    const frames = goroutine === running ? own.frames : [];
    entries.push({ state, wait: null, goroutine, certainty: 'exact', frames, probed: true });
  }
  excuseHold();
  return entries;
}

/** Network waits last: what hangs for ever is rather a lock or a channel. */
function probe(waits: readonly { waitReason: string; resolve?: unknown }[]): Map<object, Chain> {
  const order = waits.filter((wait) => wait.waitReason !== 'IO wait' && wait.waitReason !== 'sleep');
  for (const wait of waits) {
    if (order.length >= MOST_PROBED) break;
    if (wait.waitReason === 'IO wait' || wait.waitReason === 'sleep') order.push(wait);
  }
  const probed = order.slice(0, MOST_PROBED);
  const chains = chainsOf(probed.map((wait) => wait.resolve));
  return new Map(probed.map((wait, i) => [wait, chains[i]!]));
}

function attribute(
  wait: WaitRecord,
  chain: Chain | undefined,
  owner: Goroutine | null,
  servants: ReadonlyMap<object, Goroutine>,
): Entry {
  const state = wait.waitReason;
  const frames = chain?.frames ?? [];
  const probed = chain !== undefined;
  const certain = owner ?? (wait.goroutine?.live ? wait.goroutine : null);
  if (certain !== null) return { state, wait, goroutine: certain, certainty: 'exact', frames, probed };
  const servant = wait.resource === undefined ? undefined : servants.get(wait.resource);
  if (servant !== undefined)
    return { state, wait, goroutine: servant, certainty: 'inferred', frames, probed };
  return { state, wait, goroutine: null, certainty: 'unknown', frames, probed };
}
