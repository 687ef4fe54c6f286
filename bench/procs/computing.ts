/** Work that no compiler can leave out, and that takes the same time whoever else is on the machine. */
export function compute(rounds: number): number {
  let x = 1;
  for (let i = 0; i < rounds; i++) x = (Math.imul(x, 1_103_515_245) + 12_345) | 0;
  return x;
}

/** How many rounds take so many milliseconds of a core that one has to oneself. */
export function roundsFor(milliseconds: number): number {
  const probe = 1_000_000;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 30; i++) {
    const began = performance.now();
    compute(probe);
    best = Math.min(best, performance.now() - began);
  }
  return Math.round((probe * milliseconds) / best);
}
