import type { Block } from './block.ts';

/**
 * A link of a chain: a range of some memory. `start <= end <= filled`: unread from `start` to `end`, written but not
 * flushed from `end` to `filled`.
 */
export class Link {
  bytes: Uint8Array;
  /** Whose memory it is; null: the caller's (`writeBinary`, `writeDirect`) or the driver's (`lent`). */
  block: Block | null;
  start: number;
  end: number;
  filled: number;
  /** How far the chain may fill it. 0: it must not, others have a part in that memory. */
  limit: number;
  /** The caller was shown a part of it and has not released it. */
  exposed = false;
  /** The driver's memory, ours until it settles. Never shown to the caller. */
  lent: boolean;
  next: Link | null = null;

  constructor(
    bytes: Uint8Array,
    block: Block | null,
    start: number,
    filled: number,
    limit: number,
    lent = false,
  ) {
    this.bytes = bytes;
    this.block = block;
    this.start = start;
    this.end = start;
    this.filled = filled;
    this.limit = limit;
    this.lent = lent;
  }
}

/** `link` is needed no more, nor what it had of its block. */
export function free(link: Link): void {
  const { block } = link;
  if (block === null) return;
  if (link.filled > block.dirty) block.dirty = link.filled;
  block.release();
}

// The driver's memory is one slab, mostly: asking it for its buffer every time would cost as much as a view.
let lentBytes = new Uint8Array(0);
let lentMemory: ArrayBufferLike = lentBytes.buffer;
let lentBase = 0;

/** `link.bytes[from, to)` as an array of its own. */
export function viewOf(link: Link, from: number, to: number): Uint8Array {
  const { block, bytes } = link;
  if (block !== null) return new Uint8Array(block.memory, from, to - from);
  if (!link.lent) return bytes.subarray(from, to);
  if (bytes !== lentBytes) {
    lentBytes = bytes as Uint8Array<ArrayBuffer>;
    lentMemory = bytes.buffer;
    lentBase = bytes.byteOffset;
  }
  return new Uint8Array(lentMemory, lentBase + from, to - from);
}

/** Copies `link.bytes[from, to)` to `target[at]` and what follows. */
export function copyOut(link: Link, from: number, to: number, target: Uint8Array, at: number): void {
  if (to - from > 16) {
    target.set(viewOf(link, from, to), at);
    return;
  }
  const { bytes } = link;
  for (let i = from, j = at; i < to; i++, j++) target[j] = bytes[i]!;
}
