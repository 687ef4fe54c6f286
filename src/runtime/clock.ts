/** Milliseconds on the monotonic clock, with fractions. Deadlines and timers are instants of this clock. */
export function now(): number {
  return performance.now();
}
