import { proc } from 'gopark/serve';

/** How long serving one connection takes, in milliseconds. */
export const WORK = 0.5;

/** Words of the memory that all share: whether the gate is shut, and how many Ps stand at it. */
export const SHUT = 0;
export const STANDING = 1;
/** The first of two words for each P: how many it has served, and the most it ever did between two timers. */
export const OF_PROCS = 2;
export const WORDS = OF_PROCS + 2 * 16;

let between = 0;

/**
 * Shows how many connections are served while a timer waits that is due: one that fires in each turn of the loop. It
 * stops the whole P, too, while the gate is shut.
 */
export function watchTurns(): void {
  const words = new Int32Array(proc().data as SharedArrayBuffer);
  const tick = (): void => {
    between = 0;
    if (Atomics.load(words, SHUT) === 1) {
      Atomics.add(words, STANDING, 1);
      Atomics.wait(words, SHUT, 1);
    }
    setTimeout(tick, 1).unref();
  };
  tick();
}

/** Serves one: computes, and counts. */
export function work(): void {
  const words = new Int32Array(proc().data as SharedArrayBuffer);
  const end = performance.now() + WORK;
  while (performance.now() < end);
  between++;
  const at = OF_PROCS + 2 * proc().index;
  Atomics.add(words, at, 1);
  if (between > Atomics.load(words, at + 1)) Atomics.store(words, at + 1, between);
}
