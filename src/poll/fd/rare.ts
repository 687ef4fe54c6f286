import type { Parked } from '../../runtime/park.ts';

/** A connection's failed flush: told once, with its count, and from then on every write fails with its errno. */
export interface Fault {
  readonly errno: number;
  bytesUnsent: number;
  told: boolean;
}

/** What few descriptors ever need: fields that the others do without. */
export class Rare {
  fault: Fault | null = null;
  /** The errno of a receive whose caller had gone: the kernel tells it once, and then shows an orderly end. */
  failed = 0;
  /** Accepted for a caller who had gone. */
  accepted: number[] | null = null;
  shutdowns: ((result: number) => void)[] | null = null;
  closeRead: Promise<void> | null = null;
  closeWrite: Promise<void> | null = null;
  closing: Parked<void> | null = null;
  /** Bytes that `close` had to give up. */
  unsent = 0;
}
