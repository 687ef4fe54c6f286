import { indexOfByte } from '../io/text.ts';
import { type Block, blockOf } from './block.ts';
import { copyOut, free, Link, viewOf } from './link.ts';
import { poisoned, rehome } from './poison.ts';
import type { BlockPool } from './pool.ts';

/** What a chain has only while somebody holds memory of it or searches in it, so that an idle one is small. */
export class Holdings {
  /** Links that were read to their end and are still lent, and copies that are. */
  held: Link | null = null;
  /** The copy among them whose unread part is what comes next in the chain, from its `start` to its `filled`. */
  copy: Link | null = null;
  /** How many bytes from the read position on hold no `searchByte`. */
  searched = 0;
  searchByte = -1;
  /** How many bytes of its memory slices hold. */
  sliced = 0;

  passed(n: number): void {
    this.searched = Math.max(0, this.searched - n);
    const { copy } = this;
    if (copy === null) return;
    if (n < copy.filled - copy.start) copy.start += n;
    else this.copy = null;
  }

  get empty(): boolean {
    return this.held === null && this.searched === 0 && this.sliced === 0;
  }
}

/** Above this a search looks at a view: `indexOf` has no end and would go on through the memory of others. */
const searchSlack = 16 * 1024;

/**
 * The memory of a LinkBuffer: links in the order of their bytes. The reader's end is `first`, the writer's `last`;
 * what is written and not flushed begins in `unflushed`. A link that was read leaves the chain at once, or, where a
 * part of it is lent, at the next `releaseHeld`. No method checks its arguments.
 */
export class Chain {
  readonly pool: BlockPool;
  first: Link | null = null;
  last: Link | null = null;
  unflushed: Link | null = null;
  /** How many bytes can be read. */
  length = 0;
  unflushedLength = 0;
  /** The link whose free part the driver fills at the moment. */
  #reserved: Link | null = null;
  #holdings: Holdings | null = null;

  constructor(pool: BlockPool) {
    this.pool = pool;
  }

  // Writing

  /** A link at the end with room for `n` bytes in one piece. */
  room(n: number): Link {
    const { last } = this;
    if (last !== null && last.limit - last.filled >= n) return last;
    const block = this.pool.take(n);
    return this.#push(new Link(block.bytes, block, 0, 0, block.bytes.length));
  }

  /** `n` bytes behind what is there count as written from now on; they lie in `link`, from its old `filled` on. */
  written(link: Link, n: number): void {
    if (this.unflushedLength === 0) this.unflushed = link;
    link.filled += n;
    this.unflushedLength += n;
  }

  /** `n` bytes to write to, zeroed. */
  allocate(n: number): Uint8Array {
    const link = this.room(n);
    const block = link.block!;
    const from = link.filled;
    if (from < block.dirty && !poisoned) {
      // All of the rest at once: 8 KiB take 90 ns, a call for each allocation would take 20.
      block.bytes.fill(0, from, block.dirty);
      block.dirty = from;
    }
    this.written(link, n);
    return new Uint8Array(block.memory, from, n);
  }

  /** Copies `p` behind what is written, into as many blocks as it takes. */
  write(p: Uint8Array): void {
    let from = 0;
    while (from < p.length) {
      const left = p.length - from;
      let link = this.last;
      // What fits goes into the block at hand, the rest into one more.
      if (link === null || link.limit <= link.filled) link = this.room(left);
      const n = Math.min(left, link.limit - link.filled);
      link.bytes.set(n === p.length ? p : p.subarray(from, from + n), link.filled);
      this.written(link, n);
      from += n;
    }
  }

  /** `p` itself comes behind what is written. */
  link(p: Uint8Array): void {
    const link = linkOf(p);
    link.filled = link.start;
    this.written(this.#push(link), p.length);
  }

  /** Keeps the first `n` of the bytes that are not flushed. */
  keep(n: number): void {
    if (n === this.unflushedLength) return;
    let link = this.unflushed!;
    let left = n;
    for (; left > link.filled - link.end; link = link.next!) left -= link.filled - link.end;
    const { block } = link;
    // What is cut off was written to: it has to be zeroed before it is allocated again.
    if (block !== null && link.limit > 0) block.dirty = Math.max(block.dirty, link.filled);
    link.filled = link.end + left;
    let cut = link.next;
    link.next = null;
    this.last = link;
    for (; cut !== null; cut = cut.next) free(cut);
    this.unflushedLength = n;
    if (n === 0) this.unflushed = null;
    this.#leave();
  }

  /** Puts `p` itself among the bytes that are not flushed, with `remain` of them behind it. */
  insert(p: Uint8Array, remain: number): void {
    if (remain === 0) {
      this.link(p);
      return;
    }
    let before = this.unflushedLength - remain;
    let link = this.unflushed!;
    for (; before > link.filled - link.end; link = link.next!) before -= link.filled - link.end;
    const piece = linkOf(p);
    const at = link.end + before;
    piece.next = link.next;
    if (at < link.filled) {
      // Both parts lie in the same block; only the one behind may go on filling it.
      const behind = new Link(link.bytes, link.block, at, link.filled, link.limit);
      link.block?.retain();
      link.filled = at;
      link.limit = 0;
      behind.next = link.next;
      piece.next = behind;
      if (this.last === link) this.last = behind;
    }
    link.next = piece;
    this.unflushedLength += p.length;
  }

  /** All that is written can be read from now on. */
  publish(): void {
    if (this.unflushedLength === 0) return;
    for (let link = this.unflushed; link !== null; link = link.next) {
      if (poisoned) takeBack(link);
      link.end = link.filled;
    }
    this.unflushed = null;
    this.length += this.unflushedLength;
    this.unflushedLength = 0;
    this.#leave();
  }

  /** Takes over everything in `other`, read or not, flushed or not; all of it is unflushed here. */
  adopt(other: Chain): void {
    const n = other.length + other.unflushedLength;
    if (n === 0) return;
    other.settle();
    for (let link = other.first; link !== null; link = link.next) link.end = link.start;
    const { first, last } = other;
    other.first = null;
    other.last = null;
    other.unflushed = null;
    other.length = 0;
    other.unflushedLength = 0;
    other.#holdings?.passed(n);
    this.#push(first!);
    this.last = last;
    if (this.unflushedLength === 0) this.unflushed = first;
    this.unflushedLength += n;
    this.#leave();
  }

  /** Copies or shares the next `n` bytes of `source` behind what is written; `source` still has them. */
  share(source: Chain, n: number, copyUpTo: number): void {
    for (let link = source.first!; n > 0; link = link.next!) {
      const part = Math.min(n, link.end - link.start);
      if (part === 0) continue;
      n -= part;
      if (link.lent || part <= copyUpTo) {
        this.write(viewOf(link, link.start, link.start + part));
        continue;
      }
      link.block?.retain();
      const shared = this.#push(new Link(link.bytes, link.block, link.start, link.start, 0));
      this.written(shared, part);
    }
  }

  // What the driver fills

  /** Free bytes at the end, at least `size`, for the driver to fill until `commit`. */
  reserve(size: number): Uint8Array {
    const link = this.room(size);
    link.block!.dirty = link.limit;
    this.#reserved = link;
    return new Uint8Array(link.block!.memory, link.filled, link.limit - link.filled);
  }

  get reserved(): number {
    const link = this.#reserved;
    return link === null ? 0 : link.limit - link.filled;
  }

  /** The first `n` of the reserved bytes can be read. */
  commit(n: number): void {
    const link = this.#reserved!;
    this.#reserved = null;
    link.filled += n;
    link.end = link.filled;
    this.length += n;
    if (n === 0) this.#leave();
  }

  /** The reserved bytes go back to the pool: the chain was cleared meanwhile. */
  dropReserved(): void {
    this.#reserved?.block?.release();
    this.#reserved = null;
  }

  /** `bytes[from, to)` of the driver can be read; it keeps them as they are until `settle`. */
  lend(bytes: Uint8Array, from: number, to: number): void {
    const link = this.#push(new Link(bytes, null, from, to, 0, true));
    link.end = to;
    this.length += to - from;
  }

  /** What is still there of memory that is the caller's moves to blocks of ours. */
  settleLinked(): void {
    for (let link = this.first; link !== null; link = link.next) {
      if (link.block === null && !link.lent) this.#own(link);
    }
  }

  /** What is still unread of lent memory moves to blocks of ours. */
  settle(): void {
    let before: Link | null = null;
    for (let link = this.first; link !== null; link = link.next) {
      if (link.lent) {
        const n = link.end - link.start;
        if (before !== null && before.limit - before.filled >= n) {
          copyOut(link, link.start, link.end, before.bytes, before.filled);
          before.filled += n;
          before.end = before.filled;
          before.next = link.next;
          if (this.last === link) this.last = before;
          continue;
        }
        this.#own(link);
      }
      before = link;
    }
  }

  // Reading

  /** Passes over `n` bytes. */
  drop(n: number): void {
    this.length -= n;
    this.#holdings?.passed(n);
    let left = n;
    let link = this.first;
    while (link !== null && left >= link.end - link.start) {
      left -= link.end - link.start;
      link.start = link.end;
      if (!this.#mayLeave(link)) return;
      link = this.#shift(link);
    }
    if (link !== null) link.start += left;
  }

  /** The next `n` bytes in one piece, lent until `releaseHeld`. */
  show(n: number): Uint8Array {
    const link = this.first!;
    const from = link.start;
    if (n > link.end - from) {
      const copy = this.#collect(n);
      return new Uint8Array(copy.block!.memory, copy.start, n);
    }
    if (link.lent) {
      this.#own(link);
      link.exposed = true;
      return new Uint8Array(link.block!.memory, link.start, n);
    }
    link.exposed = true;
    return viewOf(link, from, from + n);
  }

  /** Copies the next `n` bytes to `p[at]` and what follows. */
  copyTo(p: Uint8Array, at: number, n: number): void {
    this.#copy(0, n, p, at);
  }

  /** Fills `out` with views of at most `most` links; gives how many bytes they are. */
  vectors(out: Uint8Array[], most: number, lent: boolean): number {
    let count = 0;
    let total = 0;
    for (let link = this.first; link !== null && count < most; link = link.next) {
      const { start, end, bytes } = link;
      if (start === end) continue;
      if (lent) link.exposed = true;
      out[count++] = start === 0 && end === bytes.length ? bytes : viewOf(link, start, end);
      total += end - start;
    }
    // Setting it costs 30 ns even where it changes nothing.
    if (out.length !== count) out.length = count;
    return total;
  }

  /** The next `n` bytes as links of their own, which share the memory. They are still to be dropped. */
  slice(n: number, into: Chain): void {
    for (let link = this.first!; n > 0; link = link.next!) {
      const part = Math.min(n, link.end - link.start);
      if (part === 0) continue;
      n -= part;
      if (link.lent) this.#own(link);
      link.block?.retain();
      const shared = into.#push(new Link(link.bytes, link.block, link.start, link.start + part, 0));
      shared.end = shared.filled;
      into.length += part;
    }
  }

  /** The place of the first `byte`, counted from the read position, else -1. Remembers how far it has looked. */
  find(byte: number): number {
    const holdings = this.#holdings;
    const known = holdings !== null && holdings.searchByte === byte ? holdings.searched : 0;
    const at = this.indexOf(byte, known);
    if (at < 0 && this.length > 0) {
      const keeping = this.#hold();
      keeping.searchByte = byte;
      keeping.searched = this.length;
    }
    return at;
  }

  /** The place of the first `byte` at or after `from`, both counted from the read position, else -1. */
  indexOf(byte: number, from: number): number {
    let passed = 0;
    for (let link = this.first; link !== null; link = link.next) {
      const { start, end } = link;
      if (from - passed < end - start) {
        const first = start + Math.max(0, from - passed);
        const { bytes } = link;
        let at: number;
        if (bytes.length - end > searchSlack) {
          at = indexOfByte(viewOf(link, first, end), byte, 0);
          if (at >= 0) return passed + at + first - start;
        } else {
          at = indexOfByte(bytes, byte, first);
          if (at >= 0 && at < end) return passed + at - start;
        }
      }
      passed += end - start;
    }
    return -1;
  }

  /** The byte that lies `offset` behind the read position; `offset` is below `length`. */
  at(offset: number): number {
    let link = this.first!;
    let left = offset;
    for (; left >= link.end - link.start; link = link.next!) left -= link.end - link.start;
    return link.bytes[link.start + left]!;
  }

  /** Everything that was lent is ours again. */
  releaseHeld(): void {
    const holdings = this.#holdings;
    if (holdings !== null) {
      for (let link = holdings.held; link !== null; link = link.next) free(link);
      holdings.held = null;
      holdings.copy = null;
      if (holdings.empty) this.#holdings = null;
    }
    // Of the chain itself only links that still have something to read can be exposed.
    for (let link = this.first; link !== null; link = link.next) link.exposed = false;
    this.#leave();
  }

  /** How many bytes of memory this chain keeps from others: to be read, lent or sliced. */
  get heldLength(): number {
    let total = this.length;
    const holdings = this.#holdings;
    if (holdings === null) return total;
    total += holdings.sliced;
    for (let link = holdings.held; link !== null; link = link.next) total += link.bytes.length;
    return total;
  }

  /** A slice of this chain holds `n` bytes more. They count until `unsliced` is told the same. */
  sliced(n: number): Holdings {
    const holdings = this.#hold();
    holdings.sliced += n;
    return holdings;
  }

  unsliced(holdings: Holdings, n: number): void {
    holdings.sliced -= n;
    if (holdings === this.#holdings && holdings.empty) this.#holdings = null;
  }

  /** Whether it holds nothing at all. */
  get idle(): boolean {
    return this.first === null && this.#holdings === null && this.#reserved === null;
  }

  /** Whether the caller holds memory of it. */
  get lending(): boolean {
    if (this.#holdings !== null && this.#holdings.held !== null) return true;
    for (let link = this.first; link !== null; link = link.next) if (link.exposed) return true;
    return false;
  }

  /** Drops everything. What the caller was shown and has not released stays as it is, and is never used again. */
  clear(): void {
    for (let link = this.#holdings?.held ?? null; link !== null; link = link.next) link.block?.abandon();
    for (let link = this.first; link !== null; link = link.next) {
      // The driver may be filling it; it comes back by dropReserved.
      if (link === this.#reserved) continue;
      if (link.exposed || link.end < link.filled) link.block?.abandon();
      else free(link);
    }
    this.#holdings = null;
    this.first = null;
    this.last = null;
    this.unflushed = null;
    this.length = 0;
    this.unflushedLength = 0;
  }

  // Inside

  #hold(): Holdings {
    this.#holdings ??= new Holdings();
    return this.#holdings;
  }

  #push(link: Link): Link {
    const { last } = this;
    this.last = link;
    if (last === null) {
      this.first = link;
      return link;
    }
    last.next = link;
    // Exhausted links that were kept for their room, which was too small. The new one is still empty itself.
    for (let old = this.first!; old !== link && this.#mayLeave(old); ) old = this.#shift(old)!;
    return link;
  }

  /** Whether `link`, the first, has nothing more to give and nobody needs its free part. */
  #mayLeave(link: Link): boolean {
    if (link.start !== link.filled || link === this.#reserved) return false;
    // The last one is filled further while it is exposed: else every short message would pin a block of its own.
    return link !== this.last || !link.exposed;
  }

  #leave(): void {
    let link = this.first;
    while (link !== null && this.#mayLeave(link)) link = this.#shift(link);
  }

  /** Takes the first link out and gives the one behind it. */
  #shift(link: Link): Link | null {
    const { next } = link;
    this.first = next;
    if (next === null) this.last = null;
    if (this.unflushed === link) this.unflushed = next;
    if (link.exposed) {
      const holdings = this.#hold();
      link.next = holdings.held;
      holdings.held = link;
    } else {
      free(link);
    }
    return next;
  }

  /** The bytes in `link`, which are not ours, move to a block that is. */
  #own(link: Link): void {
    const { start, filled } = link;
    const n = filled - start;
    const block: Block = this.pool.take(n);
    copyOut(link, start, filled, block.bytes, 0);
    link.bytes = block.bytes;
    link.block = block;
    link.start = 0;
    link.end -= start;
    link.filled = n;
    link.limit = block.bytes.length;
    link.lent = false;
  }

  /** A copy that begins with the next `n` bytes; what was copied for an earlier call is not copied again. */
  #collect(n: number): Link {
    const holdings = this.#hold();
    let { copy } = holdings;
    const have = copy === null ? 0 : copy.filled - copy.start;
    if (copy !== null && have >= n) return copy;
    if (copy === null || copy.limit - copy.start < n) {
      const block = this.pool.take(n);
      const larger = new Link(block.bytes, block, 0, have, block.bytes.length);
      if (copy !== null) copyOut(copy, copy.start, copy.filled, larger.bytes, 0);
      larger.next = holdings.held;
      holdings.held = larger;
      holdings.copy = larger;
      copy = larger;
    }
    this.#copy(have, n, copy.bytes, copy.filled);
    copy.filled = copy.start + n;
    return copy;
  }

  /** Copies the unread bytes `[from, to)` to `p[at]` and what follows. */
  #copy(from: number, to: number, p: Uint8Array, at: number): void {
    let passed = 0;
    for (let link = this.first; link !== null && passed < to; link = link.next) {
      const { start, end } = link;
      const first = start + Math.max(0, from - passed);
      const last = Math.min(end, start + to - passed);
      if (first < last) {
        copyOut(link, first, last, p, at);
        at += last - first;
      }
      passed += end - start;
    }
  }
}

/** A link, filled, of the whole of `p`. A part of a block in use is shared, whoever lent it may release it. */
function linkOf(p: Uint8Array): Link {
  const block = blockOf(p);
  if (block === undefined) return new Link(p, null, 0, p.length, 0);
  block.retain();
  return new Link(block.bytes, block, p.byteOffset, p.byteOffset + p.length, 0);
}

/** Poison mode: what was lent for writing in `link` is not the caller's any more. */
function takeBack(link: Link): void {
  const { block } = link;
  if (block === null || link.end === link.filled || block.references > 1) return;
  block.move(rehome(block.memory, new Error('flushed here')));
  link.bytes = block.bytes;
}
