import { indexOfByte } from '../io/text.ts';
import { FillingChain } from './filling-chain.ts';
import type { Holdings } from './holdings.ts';
import { copyOut, free, Link, viewOf } from './link.ts';

/** Above this a search looks at a view: `indexOf` has no end and would go on through the memory of others. */
const searchSlack = 16 * 1024;

/** The memory of a LinkBuffer: a `FillingChain` and the end where bytes go out. No method checks its arguments. */
export class Chain extends FillingChain {
  /** Passes over `n` bytes. */
  drop(n: number): void {
    this.length -= n;
    this.holdings?.passed(n);
    let left = n;
    let link = this.first;
    while (link !== null && left >= link.end - link.start) {
      left -= link.end - link.start;
      link.start = link.end;
      if (!this.mayLeave(link)) return;
      link = this.shift(link);
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
      this.own(link);
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

  /** All that can be read, if it lies in one link. */
  whole(): Uint8Array | null {
    const { first } = this;
    if (first === null || first.start === first.end || first.end - first.start !== this.length) return null;
    return viewOf(first, first.start, first.end);
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
      if (link.lent) this.own(link);
      link.block?.retain();
      const shared = into.push(new Link(link.bytes, link.block, link.start, link.start + part, 0));
      shared.end = shared.filled;
      into.length += part;
    }
  }

  /** The place of the first `byte`, counted from the read position, else -1. Remembers how far it has looked. */
  find(byte: number): number {
    const holdings = this.holdings;
    const known = holdings !== null && holdings.searchByte === byte ? holdings.searched : 0;
    const at = this.indexOf(byte, known);
    if (at < 0 && this.length > 0) {
      const keeping = this.hold();
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
    const holdings = this.holdings;
    if (holdings !== null) {
      for (let link = holdings.held; link !== null; link = link.next) free(link);
      holdings.held = null;
      holdings.copy = null;
      if (holdings.empty) this.holdings = null;
    }
    // Of the chain itself only links that still have something to read can be exposed.
    for (let link = this.first; link !== null; link = link.next) link.exposed = false;
    this.leave();
  }

  /** How many bytes of memory this chain keeps from others: to be read, lent or sliced. */
  get heldLength(): number {
    let total = this.length;
    const holdings = this.holdings;
    if (holdings === null) return total;
    total += holdings.sliced;
    for (let link = holdings.held; link !== null; link = link.next) total += link.bytes.length;
    return total;
  }

  /** A slice of this chain holds `n` bytes more. They count until `unsliced` is told the same. */
  sliced(n: number): Holdings {
    const holdings = this.hold();
    holdings.sliced += n;
    return holdings;
  }

  unsliced(holdings: Holdings, n: number): void {
    holdings.sliced -= n;
    if (holdings === this.holdings && holdings.empty) this.holdings = null;
  }

  /** Whether the caller holds memory of it. */
  get lending(): boolean {
    if (this.holdings !== null && this.holdings.held !== null) return true;
    for (let link = this.first; link !== null; link = link.next) if (link.exposed) return true;
    return false;
  }

  /** Drops everything. What the caller was shown and has not released stays as it is, and is never used again. */
  clear(): void {
    for (let link = this.holdings?.held ?? null; link !== null; link = link.next) link.block?.abandon();
    for (let link = this.first; link !== null; link = link.next) {
      // The driver may be filling it; it comes back by dropReserved.
      if (link === this.reservedLink) continue;
      if (link.exposed || link.end < link.filled) link.block?.abandon();
      else free(link);
    }
    this.holdings = null;
    this.first = null;
    this.last = null;
    this.unflushed = null;
    this.length = 0;
    this.unflushedLength = 0;
  }

  /** A copy that begins with the next `n` bytes; what was copied for an earlier call is not copied again. */
  #collect(n: number): Link {
    const holdings = this.hold();
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
