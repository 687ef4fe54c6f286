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

/** `link.bytes[from, to)` as an array of its own. */
export function viewOf(link: Link, from: number, to: number): Uint8Array {
  const { block } = link;
  return block === null ? link.bytes.subarray(from, to) : new Uint8Array(block.memory, from, to - from);
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
