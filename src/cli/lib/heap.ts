import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * Tells V8 that memory matters more than the time it takes to collect it. What a connection leaves behind when it
 * parks anew has lived for long: it is garbage of the old generation, which V8 would let double before it looks.
 * And a young generation of 1 MiB instead of 32 is all that those few that are awake need; not slower under load,
 * for its collections are shorter. To be called before the heap has grown.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  // The old generation grows in the smallest steps, and each collection gives pages back.
  setFlagsFromString('--optimize-for-size');
  // A heap this small is collected faster by one thread than handed around, and in the short steps that the event
  // loop takes itself: beside helpers, each marking ended with steps of 5 to 20 ms.
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--no-concurrent-marking');
}

/** Bytes that the young generation is to have, of which half can be filled. */
const YOUNG = 32 * 2 ** 20;
/** Objects made in one go, and how often at most: some 3 MiB each time. */
const [SOME, MOST] = [2 ** 15, 40];

function youngGeneration(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? YOUNG;
}

/**
 * For a program that measures others: whatever stops it is in its figures. V8 begins with a young generation of 1 MiB, and
 * what leaves next to nothing behind never makes it grow: it is collected 20 times a second and more. One of 16 MiB
 * is collected that much more rarely, and as nearly nothing survives each time takes as long as before. So a crowd
 * survives here, once. To be called before anything is measured: it takes some 40 ms.
 */
export function collectRarely(): void {
  setFlagsFromString('--semi-space-growth-factor=16');
  // Helpers would want the core that this thread runs on, or another one that the server needs.
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--no-concurrent-marking');
  // What lives for long is next to nothing, and collecting it takes 5 ms and more.
  setFlagsFromString('--no-memory-reducer');
  const crowd: object[][] = [];
  while (youngGeneration() < YOUNG && crowd.length < MOST) {
    crowd.push(Array.from({ length: SOME }, (_, i) => ({ i, survives: true })));
  }
}
