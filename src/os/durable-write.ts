import { EAGAIN, ECANCELED, EINTR } from '../poll/errno.ts';
import type { Done, DurableWrite } from './file-engine.ts';
import { systemError } from './system-error.ts';

/** Whether the kernel wants to be asked again. */
export function isForLater(result: number): boolean {
  return result === -EINTR || result === -EAGAIN;
}

/**
 * Tells how a write ended that was to be followed by a sync. Both are what the kernel said: a count or 0, or a negated
 * errno; the sync's is -ECANCELED where the write was not all of it, so that none was tried.
 */
export function durableWrite(written: number, synced: number, done: Done<DurableWrite>): void {
  const failed = synced < 0 && synced !== -ECANCELED && !isForLater(synced);
  const syncError = failed ? systemError('fdatasync', -synced) : null;
  if (isForLater(written)) done(null, { count: 0, synced: false, syncError: null });
  else if (written < 0) done(systemError('write', -written));
  else done(null, { count: written, synced: synced >= 0, syncError });
}
