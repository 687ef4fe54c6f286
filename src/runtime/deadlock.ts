import { type Entry, takeCensus } from './census.ts';
import { formatCensus } from './dump.ts';
import { runtime } from './hooks.ts';
import { complain } from './stderr.ts';
import { Wait, waitCount } from './waits.ts';

let looked = false;
const lookers: (() => void)[] = [];

/** Before goroutines are called asleep, `look` sees once more whether the world has something for them. */
export function registerLook(look: () => void): void {
  lookers.push(look);
}

export function installDeadlockDetection(): void {
  process.on('beforeExit', check);
}

function check(): void {
  if (!runtime.detectDeadlock || waitCount() === 0) return;
  if (!looked) {
    // One more turn: for what the poll pass finds, and for whoever else listens to beforeExit to have his say.
    looked = true;
    for (const look of lookers) look();
    setImmediate(() => {});
    return;
  }
  looked = false;
  const entries = takeCensus(check);
  if (!entries.some(isAsleep)) return;
  complain(`fatal error: all goroutines are asleep - deadlock!\n\n${formatCensus(entries)}`);
  process.exit(2);
}

/**
 * Only what is certain: a wait that is known to be a goroutine's, or the main module's own. A promise that nobody
 * awaits, or a plain async function that nobody awaits, is no goroutine. Waits on descriptors are none of ours (they
 * are no `Wait`): they keep the process alive, as sleeps do, and lookups and files by what Node does for them.
 */
function isAsleep({ state, wait, goroutine, certainty, frames }: Entry): boolean {
  if (!(wait instanceof Wait) || wait.mayEndByItself || state === 'sleep') return false;
  if (goroutine === null) return frames.some((frame) => frame.isMain);
  return certainty === 'exact' && !goroutine.daemon && !goroutine.internal;
}
