/** What a descriptor is, and what has become of it. */
export const CLOSED = 1 << 0;
export const READ_SHUT = 1 << 1;
export const WRITE_SHUT = 1 << 2;
/** The peer reset the connection, and a send was told: a later end of the stream is not an orderly one. */
export const RESET = 1 << 3;
/** Writes settle only when the kernel has accepted them. */
export const STRICT = 1 << 4;
/** Linger 0: close discards what is unsent. */
export const DISCARD = 1 << 5;
/** The driver has been told to close. */
export const DESTROYED = 1 << 6;
/** closeWrite was called: earlier writes still go, new ones do not. */
export const SHUTTING = 1 << 7;
/** Messages with bounds: nothing is staged, and nothing is received ahead of its reader. */
export const PACKETS = 1 << 8;
/** Closed for us because it was detached. */
export const MOVED = 1 << 9;
/** A pipe: nothing is staged, each write goes to the kernel itself. */
export const UNSTAGED = 1 << 10;

/** What stays true in another thread. */
export const TRAVELLING = READ_SHUT | WRITE_SHUT | RESET | STRICT | DISCARD | PACKETS;
