import type { Lease } from '../lease.ts';

/** What an FD takes along to another thread. All of it can be cloned. */
export interface Moved {
  readonly lease: Lease;
  /** Received, and not read yet. */
  readonly inbound: Uint8Array | null;
  /** Written, and not taken by the kernel yet. */
  readonly outbound: Uint8Array | null;
  /** How it was used: flags of FD's. */
  readonly flags: number;
  /** An errno that the next read tells; 0: none. */
  readonly failed: number;
  /** A failed flush, and whether somebody has been told. */
  readonly fault: { readonly errno: number; readonly bytesUnsent: number; readonly told: boolean } | null;
  /** Deadlines by the clock that all threads of the process share, in milliseconds; 0: none. */
  readonly readDeadline: number;
  readonly writeDeadline: number;
}

/** How far that clock is ahead of this thread's own. */
export function sharedClockOffset(ownNow: number): number {
  return Number(process.hrtime.bigint()) / 1e6 - ownNow;
}
