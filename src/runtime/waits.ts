import { now } from './clock.ts';

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
  | 'file I/O';

/**
 * One parked call, from `beginWait` to `endWait`. The default record of what everybody waits for: a list through the
 * waiters themselves, so that keeping it costs two stores and no memory of its own.
 */
export abstract class Wait {
  /** On the runtime's clock, in milliseconds. */
  since = 0;
  /** @internal */
  previousWait: Wait | null = null;
  /** @internal */
  nextWait: Wait | null = null;

  abstract readonly waitReason: WaitReason;

  /** What is waited for, for the dump; only called when somebody asks. */
  describeWait(): string {
    return '';
  }
}

let first: Wait | null = null;
let parked = 0;

/** `wait` is parked from now on. */
export function beginWait(wait: Wait): void {
  wait.since = now();
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

/** How many waits are parked. */
export function waitCount(): number {
  return parked;
}

/** All that are parked, the latest first. */
export function* allWaits(): Generator<Wait> {
  for (let wait = first; wait !== null; wait = wait.nextWait) yield wait;
}
