import { DRAINED, EMPTY } from '../chan.ts';
import type { ChanWaiter } from '../chan-waiter.ts';
import type { WaitQueue } from '../wait-queue.ts';

/** Gives who waits to receive what there is, in turn. Whether somebody still waits for a value. */
export function serveReceivers<T>(
  receivers: WaitQueue<ChanWaiter>,
  take: () => T | typeof EMPTY | typeof DRAINED,
): boolean {
  for (let waiter = receivers.first; waiter !== null; waiter = receivers.first) {
    let value: T | typeof EMPTY | typeof DRAINED;
    try {
      value = take();
    } catch (error) {
      waiter.failed(error);
      continue;
    }
    if (value === EMPTY) return true;
    receivers.remove(waiter);
    waiter.receive(value === DRAINED ? undefined : value, value !== DRAINED);
  }
  return false;
}

/** Puts what is waited with in, in turn. Whether somebody still waits for room. */
export function serveSenders<T>(senders: WaitQueue<ChanWaiter>, put: (value: T) => boolean): boolean {
  for (let waiter = senders.first; waiter !== null; waiter = senders.first) {
    try {
      if (!put(waiter.value as T)) return true;
      senders.remove(waiter);
      waiter.sent();
    } catch (error) {
      waiter.failed(error);
    }
  }
  return false;
}
