import { setFlagsFromString } from 'node:v8';

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
