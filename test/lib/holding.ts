import { setImmediate } from 'node:timers/promises';

/** Work that does not wait, of so many milliseconds. */
export function holdThread(duration: number): void {
  const end = performance.now() + duration;
  while (performance.now() < end);
}

/** By how much `count` grows between two turns of the event loop at most, until it is `all`. */
export async function mostAtATime(count: () => number, all: number): Promise<number> {
  let most = 0;
  for (let before = count(); before < all; ) {
    await setImmediate();
    const after = count();
    most = Math.max(most, after - before);
    before = after;
  }
  return most;
}
