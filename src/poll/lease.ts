/**
 * A descriptor on its way between two threads. It goes through `postMessage`, as often as one likes: the first who
 * takes it over has it. The one who gave it away closes it when nobody has after ten seconds, or when it ends.
 */
export interface Lease {
  /** Shared memory of the thread that gave it away. */
  readonly table: Int32Array;
  readonly row: number;
  readonly state: number;
}

/** How long a descriptor waits to be taken over, in milliseconds. */
export const LEASE_TIME = 10_000;

/** The part of a driver (driver.ts) by which connections change threads. */
export interface LeaseDriver {
  /** What is outbound, which then is so no more: the caller sees to it. null: nothing. */
  takeOutbound(slot: number): Uint8Array | null;
  /** What has been received and told to nobody, which then is so no more: the caller sees to it. null: nothing. */
  takeInbound(slot: number): Uint8Array | null;
  /** An errno that the next receive would have told; then it does not any more. 0: none. */
  takeError(slot: number): number;
  /**
   * Takes the slot away without closing its descriptor: a lease, or a negated errno, and then nothing has changed.
   * Only with nothing in flight and nothing outbound. There is no completion: nobody has the slot from here on.
   */
  lease(slot: number): Lease | number;
  /** Takes a lease over: a slot, of `packets` where that is so, or a negated errno. `-EBADF`: somebody was faster. */
  adopt(lease: Lease, packets: boolean): number;
}
