import { blockOf } from './block.ts';
import { copyOut, free, Link, viewOf } from './link.ts';
import { Links } from './links.ts';
import { poisoned, rehome } from './poison.ts';

/** The end of a chain where bytes come in: what the program writes, and what a driver brings. */
export class FillingChain extends Links {
  /** A link at the end with room for `n` bytes in one piece. */
  room(n: number): Link {
    const { last } = this;
    if (last !== null && last.limit - last.filled >= n) return last;
    const block = this.pool.take(n);
    return this.push(new Link(block.bytes, block, 0, 0, block.bytes.length));
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
    this.written(this.push(link), p.length);
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
    this.leave();
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
    this.leave();
  }

  /** Takes over everything in `other`, read or not, flushed or not; all of it is unflushed here. */
  adopt(other: FillingChain): void {
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
    other.holdings?.passed(n);
    this.push(first!);
    this.last = last;
    if (this.unflushedLength === 0) this.unflushed = first;
    this.unflushedLength += n;
    this.leave();
  }

  /** Copies or shares the next `n` bytes of `source` behind what is written; `source` still has them. */
  share(source: FillingChain, n: number, copyUpTo: number): void {
    for (let link = source.first!; n > 0; link = link.next!) {
      const part = Math.min(n, link.end - link.start);
      if (part === 0) continue;
      n -= part;
      if (link.lent || part <= copyUpTo) {
        this.write(viewOf(link, link.start, link.start + part));
        continue;
      }
      link.block?.retain();
      const shared = this.push(new Link(link.bytes, link.block, link.start, link.start, 0));
      this.written(shared, part);
    }
  }

  /** Free bytes at the end, at least `size`, for the driver to fill until `commit`. */
  reserve(size: number): Uint8Array {
    const link = this.room(size);
    link.block!.dirty = link.limit;
    this.reservedLink = link;
    return new Uint8Array(link.block!.memory, link.filled, link.limit - link.filled);
  }

  get reserved(): number {
    const link = this.reservedLink;
    return link === null ? 0 : link.limit - link.filled;
  }

  /** The first `n` of the reserved bytes can be read. */
  commit(n: number): void {
    const link = this.reservedLink!;
    this.reservedLink = null;
    link.filled += n;
    link.end = link.filled;
    this.length += n;
    if (n === 0) this.leave();
  }

  /** The reserved bytes go back to the pool: the chain was cleared meanwhile. */
  dropReserved(): void {
    this.reservedLink?.block?.release();
    this.reservedLink = null;
  }

  /** `bytes[from, to)` of the driver can be read; it keeps them as they are until `settle`. */
  lend(bytes: Uint8Array, from: number, to: number): void {
    const link = this.push(new Link(bytes, null, from, to, 0, true));
    link.end = to;
    this.length += to - from;
  }

  /** What is still there of memory that is the caller's moves to blocks of ours. */
  settleLinked(): void {
    for (let link = this.first; link !== null; link = link.next) {
      if (link.block === null && !link.lent) this.own(link);
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
        this.own(link);
      }
      before = link;
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
