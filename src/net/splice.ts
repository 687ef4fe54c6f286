import { copyMore } from '../io/copy.ts';
import { CopyError } from '../io/index.ts';
import { type FD, type Limit, SpliceFailure, SpliceWaiter } from '../poll/index.ts';

/**
 * Copies inside the kernel, from one connection to another, until the source ends or `limit` is used up; by `loop`,
 * from where it stands, where that cannot be. Rejects with CopyError.
 */
export async function splice(
  from: FD,
  to: FD,
  limit: Limit | null,
  loop: () => Promise<number>,
): Promise<number> {
  const { poller } = from;
  // Messages have bounds that a pipe does not keep.
  if (!poller.driver.capabilities.has('splice') || poller !== to.poller || from.packets || to.packets) {
    return loop();
  }
  const copy = new SpliceWaiter(from, to, limit);
  try {
    const end = await from.reading.attemptOrPark<'end' | 'cannot'>(copy, undefined);
    if (end === 'end') return copy.copied;
  } catch (error) {
    if (!(error instanceof SpliceFailure)) throw error;
    throw new CopyError(error.cause, copy.copied, error.side);
  }
  return copyMore(copy.copied, loop());
}
