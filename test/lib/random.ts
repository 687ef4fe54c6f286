/** Numbers from a seed: a new one each time, or the one of the environment, to repeat what failed. */
export interface Seeded {
  readonly seed: number;
  /** An integer from 0 to `count` - 1. */
  below(count: number): number;
}

export function seeded(
  seed: number = Number(process.env.GOPARK_SEED ?? Math.floor(Math.random() * 2 ** 31)),
): Seeded {
  let state = seed >>> 0;
  return {
    seed,
    below(count) {
      // splitmix32
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return ((z ^ (z >>> 16)) >>> 0) % count;
    },
  };
}
