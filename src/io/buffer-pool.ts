// Buffers that wait for bytes are the largest part of an idle connection. Whoever can, takes one here when bytes
// are at hand and gives it back when it is empty, so that a thousand idle readers share a handful of buffers.

/** What one size may keep lying around: enough for a burst, nothing that a profile would show. */
const bytesKeptPerSize = 1024 * 1024;
const buffersKeptPerSize = 64;
/** Only powers of two are kept, so that a caller with a different size every time cannot grow the table. */
const largestKept = 512 * 1024;

const free = new Map<number, Uint8Array<ArrayBuffer>[]>();

/** A buffer of exactly `size` bytes with whatever its last user left in it. */
export function takeBuffer(size: number): Uint8Array<ArrayBuffer> {
  return free.get(size)?.pop() ?? new Uint8Array(size);
}

/** Returns a buffer. The caller must not touch it any more. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  const size = buffer.length;
  // Size 0: its memory was transferred away by somebody who was shown a part of it.
  if (size === 0 || size > largestKept || (size & (size - 1)) !== 0) return;
  let list = free.get(size);
  if (list === undefined) {
    list = [];
    free.set(size, list);
  }
  if (list.length < buffersKeptPerSize && (list.length + 1) * size <= bytesKeptPerSize) list.push(buffer);
}
