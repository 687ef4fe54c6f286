// Promises whose answer is known. A promise costs about 100 bytes and a trip through the allocator; the answers of
// a buffered hit are few, so they are made once and shared. Nobody can tell: a resolved promise has no state to
// share.

export const resolvedTrue: Promise<boolean> = Promise.resolve(true);
export const resolvedFalse: Promise<boolean> = Promise.resolve(false);
export const resolvedNull: Promise<null> = Promise.resolve(null);
export const resolvedVoid: Promise<void> = Promise.resolve();

const cached = 4097;
const counts: Array<Promise<number> | undefined> = new Array(cached).fill(undefined);

/** A resolved promise of `n`; the same one again for the counts that occur most, 0 to 4096. */
export function resolvedCount(n: number): Promise<number> {
  if (n < cached) {
    const known = counts[n];
    if (known !== undefined) return known;
    const fresh = Promise.resolve(n);
    if (n >= 0) counts[n] = fresh;
    return fresh;
  }
  return Promise.resolve(n);
}
