// Buffers that wait for bytes are the largest part of an idle connection. Whoever can, takes one here when bytes
// are at hand and gives it back when it is empty, so that a thousand idle readers share a handful of buffers.

/**
 * What one size may keep lying around: enough for a burst, nothing that a profile would show. A burst is a batch of
 * connections that wake together: each has a buffer before the first of them has given one back.
 */
const bytesKeptPerSize = 1024 * 1024;
const buffersKeptPerSize = 256;
const largestKept = 512 * 1024;

/** The spare buffers of one size. */
interface Shelf {
  readonly size: number;
  readonly buffers: Uint8Array<ArrayBuffer>[];
}

const shelves = new Map<number, Shelf>();
/** Nearly always the size that was asked for last is asked for again: no look-up then. */
let last: Shelf = { size: -1, buffers: [] };

function shelfOf(size: number): Shelf {
  let shelf = shelves.get(size);
  if (shelf === undefined) {
    shelf = { size, buffers: [] };
    shelves.set(size, shelf);
  }
  last = shelf;
  return shelf;
}

/** Only powers of two are kept, so that a caller with a different size every time cannot grow the table. */
function isKept(size: number): boolean {
  // Size 0: its memory was transferred away by somebody who was shown a part of it.
  return size > 0 && size <= largestKept && (size & (size - 1)) === 0;
}

/** A buffer of exactly `size` bytes with whatever its last user left in it. */
export function takeBuffer(size: number): Uint8Array<ArrayBuffer> {
  if (last.size !== size && !isKept(size)) return new Uint8Array(size);
  const { buffers } = last.size === size ? last : shelfOf(size);
  return buffers.pop() ?? new Uint8Array(size);
}

/** Returns a buffer. The caller must not touch it any more. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  const size = buffer.length;
  if (last.size !== size && !isKept(size)) return;
  const { buffers } = last.size === size ? last : shelfOf(size);
  if (buffers.length < buffersKeptPerSize && (buffers.length + 1) * size <= bytesKeptPerSize)
    buffers.push(buffer);
}
