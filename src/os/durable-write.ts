import { EAGAIN, ECANCELED, EINTR } from '../poll/errno.ts';
import type { Done } from './file-engine.ts';
import { systemError } from './system-error.ts';

/** How a write ended that the disk was to have at once. */
export interface DurableWrite {
  /** The bytes that the kernel took. */
  readonly count: number;
  /** Whether the disk has them. False: they were too few, or see `syncError`. */
  readonly synced: boolean;
  /** Why the disk does not have them; null: it has, or nobody has asked it. */
  readonly syncError: unknown;
}

/** Whether the kernel wants to be asked again. */
export function isForLater(result: number): boolean {
  return result === -EINTR || result === -EAGAIN;
}

/** What an engine says of a sync; null: the disk has failed nobody. */
export function syncError(synced: number): unknown {
  return synced < 0 && synced !== -ECANCELED && !isForLater(synced)
    ? systemError('fdatasync', -synced)
    : null;
}

/** Tells what an engine says of a batch that was to be synced. */
export function durableWrite(written: number, synced: number, done: Done<DurableWrite>): void {
  if (isForLater(written)) done(null, { count: 0, synced: false, syncError: null });
  else if (written < 0) done(systemError('write', -written));
  else done(null, { count: written, synced: synced >= 0, syncError: syncError(synced) });
}
