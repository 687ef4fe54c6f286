import { FAILED_NOT } from '../errno.ts';
import type { FD } from '../fd/fd.ts';
import { OUTBOUND_BOUND } from '../limits.ts';
import type { Waiter } from './waiter.ts';

/** Writers wake when the chain is half empty, not for every few bytes that the kernel takes. */
const LOW_WATER = OUTBOUND_BOUND / 2;

/** What was sent before has failed: then so has `waiter`. True: it is settled. */
export function failedBefore(fd: FD, waiter: Waiter): boolean {
  const failure = fd.takeWriteFailure();
  if (failure === FAILED_NOT) return false;
  waiter.fail(fd, failure);
  return true;
}

/** A write's operation ended with a negated errno. */
export function failedNow(fd: FD, waiter: Waiter, result: number): true {
  // A fault has been told to the FD before: that is where its count of lost bytes is.
  const failure = fd.takeWriteFailure();
  waiter.fail(fd, failure === FAILED_NOT ? -result : failure);
  return true;
}

/** How many bytes may be left in the chain when a write is woken that has `left` to put in; 0: of its own. */
export function lowWater(left: number): number {
  if (left === 0) return 0;
  return left > OUTBOUND_BOUND ? LOW_WATER : Math.min(OUTBOUND_BOUND - left, LOW_WATER);
}
