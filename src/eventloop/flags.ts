// What a connection remembers in one word.

/** Something has come that the handler has not been called for. */
export const NEW = 1 << 0;
/** No more bytes will come. */
export const ENDED = 1 << 1;
/** Neither can any be sent: the peer has reset the connection, or the kernel has given it up. */
export const BROKEN = 1 << 2;
/** `pause` was called. */
export const PAUSED = 1 << 3;
/** Held bytes have reached the high-water mark. */
export const FULL = 1 << 4;
/** A flush is parked. */
export const SENDING = 1 << 5;
/** In the queue of the goroutine pool, or behind the poller. */
export const QUEUED = 1 << 6;
/** `onDisconnect` is due, or was called. */
export const TOLD = 1 << 7;
/** The descriptor is being closed, or is. */
export const SHUT = 1 << 8;
/** It has a request handler of its own. */
export const OWN_HANDLER = 1 << 9;
/** There is a read deadline. */
export const LIMITED = 1 << 10;
/** Its close callbacks have run. */
export const GONE = 1 << 11;
/** The write deadline is that of `writeTimeout`. */
export const TIMED = 1 << 12;
/** Bytes are just being taken in. */
export const ARRIVING = 1 << 13;
/** It goes, or has gone, to another owner: `detach`. */
export const MOVED = 1 << 14;

/** The last receive brought much less than it had room for. */
export const SLACK = 1 << 15;

/** The bits of the receive size: the exponent over `SMALLEST_READ`. */
export const SIZE_SHIFT = 16;
export const SIZE_BITS = 7 << SIZE_SHIFT;
export const SMALLEST_READ = 4096;
/** Up to this exponent the driver receives for many at once; beyond, straight into a block. */
export const LARGEST_SHARED = 2;
export const LARGEST_EXPONENT = 6;
export const POLLER_SHIFT = 20;
