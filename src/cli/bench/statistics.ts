/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Between which two values the median of what `values` were drawn from lies, with a probability of at least
 * `confidence`: by order statistics, so it holds for any distribution. Null: too few values to say that (below six,
 * for 95 %).
 */
export function medianInterval(values: readonly number[], confidence = 0.95): [number, number] | null {
  const n = values.length;
  const sorted = values.toSorted((a, b) => a - b);
  // Each value is above the median or below it, like heads and tails: the probability of at most k heads.
  let tail = 0;
  let term = 2 ** -n;
  let k = 0;
  for (; k < n / 2; k++) {
    tail += term;
    if (2 * tail > 1 - confidence) break;
    term = (term * (n - k)) / (k + 1);
  }
  return k === 0 ? null : [sorted[k - 1]!, sorted[n - k]!];
}
