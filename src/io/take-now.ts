/**
 * How a buffered writer hands everything over without a promise, to a writer that has this: true when it took all of
 * `p`, exactly as its `write` would have at once. False when nothing was taken, for whatever reason: `write` then waits,
 * fails, or gives others their turn. Not found by a name, because what others call `tryWrite` may drop what it refuses.
 */
export const takeNow: unique symbol = Symbol('gopark.takeNow');

export interface TakesNow {
  [takeNow](p: Uint8Array): boolean;
}
