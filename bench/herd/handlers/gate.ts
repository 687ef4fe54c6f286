import { proc } from 'gopark/serve';

/** Words of the memory that all share: whether the gate is shut, and how many Ps stand at it. */
export const SHUT = 0;
export const STANDING = 1;
/** The first of the words of each P: how many it has served, and by how many microseconds a timer came too late at most. */
export const OF_PROCS = 2;
export const WORDS_PER_PROC = 2;
const TICK = 2;

export interface HerdData {
  readonly words: Int32Array;
  /** How long one request takes, in milliseconds. */
  readonly work: number;
}

const data = (): HerdData => proc().data as HerdData;
const own = (word: number): number => OF_PROCS + WORDS_PER_PROC * proc().index + word;

/** A timer that tells by how much it was late, and that stops the whole P while the gate is shut. */
export function watchTimers(): void {
  const { words } = data();
  let due = performance.now() + TICK;
  const tick = (): void => {
    const late = Math.round((performance.now() - due) * 1000);
    if (late > Atomics.load(words, own(1))) Atomics.store(words, own(1), late);
    if (Atomics.load(words, SHUT) === 1) {
      Atomics.add(words, STANDING, 1);
      Atomics.wait(words, SHUT, 1);
    }
    due = performance.now() + TICK;
    setTimeout(tick, TICK);
  };
  setTimeout(tick, TICK);
}

export function work(): void {
  const { words, work: time } = data();
  if (time > 0) {
    const end = performance.now() + time;
    while (performance.now() < end);
  }
  Atomics.add(words, own(0), 1);
}
