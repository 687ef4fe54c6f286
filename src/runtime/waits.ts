import type { Goroutine } from './goroutine.ts';
import { runningGoroutine } from './registry.ts';
import { TICK, turnTick } from './turns.ts';

/** What a goroutine that does not run waits for, in the words of Go's dumps. */
export type WaitReason =
  | 'IO wait'
  | 'chan receive'
  | 'chan send'
  | 'select'
  | 'sleep'
  | 'sync.Mutex.Lock'
  | 'sync.RWMutex.Lock'
  | 'sync.RWMutex.RLock'
  | 'sync.WaitGroup.Wait'
  | 'sync.Semaphore.Acquire'
  | 'sync.Cond.Wait'
  | 'file I/O';

/** One parked call, as the dump wants to know it. */
export interface WaitRecord {
  readonly waitReason: WaitReason;
  /** On the runtime's clock, in milliseconds; as exact as a turn of the event loop. NaN: unknown. */
  readonly since: number;
  /** What many such waits have in common, as 'read tcp'; '' for nothing beyond the reason. */
  readonly waitOperation?: string;
  /** What is waited for, in full; only called when somebody asks. */
  describeWait(): string;
  /**
   * The resolving function that `new Promise` gave for the promise that the caller awaits (`park` leaves it here).
   * It is never called: by it the dump finds who awaits that promise, back to the goroutine.
   */
  readonly resolve?: unknown;
  /** Whom the wait belongs to, where that was certain when it began. */
  readonly goroutine?: Goroutine | null;
  /** Whether something beside other goroutines may end it, as the caller's signal does: then it is no deadlock. */
  readonly mayEndByItself?: boolean;
  /** What is waited on: a goroutine known to serve it is who waits, presumably. */
  readonly resource?: object;
}

/**
 * One parked call, from `beginWait` to `endWait`. The default record of what everybody waits for: a list through the
 * waiters themselves, so that keeping it costs few stores and no memory of its own. A subclass that is `Parked` by
 * the promise its caller awaits lets the dump name the goroutine and show where it stands.
 */
export abstract class Wait implements WaitRecord {
  #sinceTick = 0;
  /** Who ran up to its first await when the wait began. */
  goroutine: Goroutine | null = null;
  /** @internal */
  previousWait: Wait | null = null;
  /** @internal */
  nextWait: Wait | null = null;

  abstract readonly waitReason: WaitReason;

  get since(): number {
    return this.#sinceTick * TICK;
  }

  describeWait(): string {
    return '';
  }

  get mayEndByItself(): boolean {
    return false;
  }

  /** @internal */
  stamp(): void {
    this.#sinceTick = turnTick();
    this.goroutine = runningGoroutine();
  }
}

let first: Wait | null = null;
let parked = 0;
const sources: (() => Iterable<WaitRecord>)[] = [];

let firstWait: (() => void) | null = null;

/** Calls `then` when the first wait begins. */
export function atFirstWait(then: () => void): void {
  firstWait = then;
}

/** `wait` is parked from now on. */
export function beginWait(wait: Wait): void {
  if (firstWait !== null) {
    const then = firstWait;
    firstWait = null;
    then();
  }
  wait.stamp();
  wait.nextWait = first;
  if (first !== null) first.previousWait = wait;
  first = wait;
  parked++;
}

/** `wait` is not parked any more. Once for each `beginWait`. */
export function endWait(wait: Wait): void {
  const { previousWait, nextWait } = wait;
  if (previousWait === null) first = nextWait;
  else previousWait.nextWait = nextWait;
  if (nextWait !== null) nextWait.previousWait = previousWait;
  wait.previousWait = null;
  wait.nextWait = null;
  parked--;
}

/** How many waits are parked that `beginWait` knows of. */
export function waitCount(): number {
  return parked;
}

/** For who can enumerate the waits of a floor above, and so keeps no list of them. */
export function registerWaits(source: () => Iterable<WaitRecord>): void {
  sources.push(source);
}

/** All that are parked: those of `beginWait`, the latest first, then the registered ones. */
export function* allWaits(): Generator<WaitRecord> {
  for (let wait = first; wait !== null; wait = wait.nextWait) yield wait;
  for (const source of sources) yield* source();
}
