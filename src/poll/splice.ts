/** There may be more: the bound of one call is reached, or the caller's. */
export const SPLICE_MORE = 1;
/** The source has nothing now: `readable` will tell. */
export const SPLICE_EMPTY = 2;
/** The destination has no room now: `writable` will tell. Bytes may be held, or left in memory. */
export const SPLICE_FULL = 3;
/** The source has ended, and everything of it was delivered. */
export const SPLICE_END = 4;
/** The source has failed with `errno`, and everything before was delivered. */
export const SPLICE_FROM_FAILED = 5;
/** The destination has failed with `errno`. What was taken and not sent is lost. */
export const SPLICE_TO_FAILED = 6;
/** These two cannot be spliced. Nothing is lost: what was taken is sent, held, or left in memory. */
export const SPLICE_CANNOT = 7;

export type SpliceOutcome =
  | typeof SPLICE_MORE
  | typeof SPLICE_EMPTY
  | typeof SPLICE_FULL
  | typeof SPLICE_END
  | typeof SPLICE_FROM_FAILED
  | typeof SPLICE_TO_FAILED
  | typeof SPLICE_CANNOT;

/** The state of one copy between two slots, of which the driver keeps account. */
export class Splice {
  /** Bytes that are neither the source's nor the destination's, but in the kernel. */
  held = 0;
  /** Bytes that the last step took out of the source, and that the destination got. */
  taken = 0;
  sent = 0;
  errno = 0;
  /** Bytes of the slab that were taken and not sent: the caller's to send, and to copy before anything else. */
  leftFrom = 0;
  leftTo = 0;
  /** The driver's own: where it holds them, and whether much comes. */
  channel = -1;
  bulk = false;
}
