/** From this size on bytes move between the caller's memory and the kernel without a copy in between. */
export const DIRECT_SIZE = 16 * 1024;

/** How many bytes a connection's outbound chain takes before writers park. */
export const OUTBOUND_BOUND = 64 * 1024;

/** A synchronous receive asks for at least this much: what the caller's buffer cannot take waits in memory. */
export const SMALLEST_RECEIVE = 4096;

/** Up to this size a loop copies faster than the built-in with the view that it needs. */
const SMALL_COPY = 48;

/** A copy of [start, end). `slice` of one of Node's Buffers is none. */
export function copyOf(from: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(from.subarray(start, end));
}

/** Copies `count` bytes of `from`, starting at `offset`, to the start of `to`. */
export function copyBytes(to: Uint8Array, from: Uint8Array, offset: number, count: number): void {
  if (count <= SMALL_COPY) for (let i = 0; i < count; i++) to[i] = from[offset + i]!;
  else to.set(offset === 0 && count === from.length ? from : from.subarray(offset, offset + count));
}
