/** Steps in which what is late doubles. */
const STEPS = 8;
/** Of a microsecond and more, to hours. */
const BUCKETS = 34 * STEPS;

/** How many messages left how late: logarithmic buckets, within a tenth. They can be added up, and sent to another process. */
export function newLateness(): Uint32Array {
  return new Uint32Array(BUCKETS);
}

/** One more, so many milliseconds late. */
export function recordLateness(lateness: Uint32Array, ms: number): void {
  const bucket = ms <= 0.001 ? 0 : Math.floor(STEPS * Math.log2(ms * 1000)) + 1;
  lateness[bucket < BUCKETS ? bucket : BUCKETS - 1]! += 1;
}

export function addLateness(sum: Uint32Array, more: Uint32Array): void {
  for (let i = 0; i < BUCKETS; i++) sum[i]! += more[i]!;
}

/** What at least this share of all was not later than, in microseconds; 0: there were none. */
export function latenessOf(lateness: Uint32Array, share: number): number {
  const total = lateness.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (let i = 0; i < BUCKETS; i++) {
    seen += lateness[i]!;
    if (seen > 0 && seen >= share * total) return 2 ** (i / STEPS);
  }
  return 0;
}
