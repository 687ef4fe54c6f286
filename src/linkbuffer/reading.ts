import { ArgumentRangeError, checkByte, checkBytes } from '../io/arguments.ts';
import { type Delimiter, delimiterByte } from '../io/delimiter.ts';
import { LimitExceededError, UnexpectedEOFError } from '../io/errors.ts';
import { decodeText } from '../io/text.ts';
import { LinkCore } from './core.ts';
import type { Holdings } from './holdings.ts';
import { SliceOwner } from './slice-owner.ts';
import type { Lent, LinkSlice } from './types.ts';

export const defaultUntilLimit = 65536;

const nothing = new Uint8Array(0) as Lent;
const noBytes = new Uint8Array(0);

/** The calls of a LinkBuffer's reading side that answer at once. `LinkReader` has the contracts. */
export abstract class LinkReading extends LinkCore {
  tryNext(n: number): Lent | null | undefined {
    if (this.state !== 0) this.refuse();
    const chain = this.chain;
    if (n > chain.length || !Number.isInteger(n)) return this.short(n);
    if (n <= 0) return nothing;
    const view = chain.show(n);
    chain.drop(n);
    if (this.notifyLevel >= 0) this.notify();
    return this.lendView(view);
  }

  tryPeek(n: number): Lent | null | undefined {
    if (this.state !== 0) this.refuse();
    const chain = this.chain;
    let size = n;
    if (n > chain.length || !Number.isInteger(n)) {
      if (!this.leftAtEnd(n)) return this.short(n);
      size = chain.length;
    }
    if (size <= 0) return nothing;
    const view = chain.show(size);
    return this.lendView(view);
  }

  trySkip(n: number): boolean {
    if (this.state !== 0) this.refuse();
    if (n > this.chain.length || !Number.isInteger(n)) {
      if (this.short(n) === undefined) return false;
      throw new UnexpectedEOFError(0, n);
    }
    if (n > 0) this.drop(n);
    return true;
  }

  tryUntil(delimiter: Delimiter, limit: number = defaultUntilLimit): Lent | null | undefined {
    if (this.state !== 0) this.refuse();
    return this.takeUntil(delimiterByte(delimiter), limit);
  }

  tryReadString(n: number): string | null | undefined {
    if (this.state !== 0) this.refuse();
    const chain = this.chain;
    if (n > chain.length || !Number.isInteger(n)) return this.short(n);
    if (n <= 0) return '';
    const { start, end, bytes } = chain.first!;
    let text: string;
    if (start + n <= end) {
      text = decodeText(bytes, start, start + n);
    } else {
      const joined = new Uint8Array(n);
      chain.copyTo(joined, 0, n);
      text = decodeText(joined, 0, n);
    }
    this.drop(n);
    return text;
  }

  tryReadBinary(n: number): Uint8Array<ArrayBuffer> | null | undefined {
    if (this.state !== 0) this.refuse();
    if (n > this.chain.length || !Number.isInteger(n)) return this.short(n);
    if (n <= 0) return new Uint8Array(0);
    const own = new Uint8Array(n);
    this.chain.copyTo(own, 0, n);
    this.drop(n);
    return own;
  }

  tryReadByte(): number | null | undefined {
    if (this.state !== 0) this.refuse();
    const chain = this.chain;
    if (chain.length === 0) return this.short(1);
    const { bytes, start } = chain.first!;
    const byte = bytes[start]!;
    this.drop(1);
    return byte;
  }

  trySlice(n: number): LinkSlice | null | undefined {
    if (this.state !== 0) this.refuse();
    const chain = this.chain;
    if (n > chain.length || !Number.isInteger(n)) return this.short(n);
    const size = Math.max(n, 0);
    const owner = new SliceOwner(this, size > 0 ? chain.sliced(size) : null, size);
    const slice = this.newSlice(owner);
    if (size > 0) {
      chain.slice(size, slice.chain);
      this.drop(size);
    }
    return slice;
  }

  /** Any bytes at all, up to `p.length`; see `io.Reader`. A buffer without an owner is at its end when it is empty. */
  tryRead(p: Uint8Array): number | null | undefined {
    checkBytes(p);
    if (this.state !== 0) this.refuse();
    if (p.length === 0) return 0;
    const n = Math.min(p.length, this.chain.length);
    if (n === 0) return this.owner === null && this.ending === undefined ? null : this.short(1);
    this.chain.copyTo(p, 0, n);
    this.drop(n);
    return n;
  }

  indexOf(byte: number, from = 0): number {
    if (this.state !== 0) this.refuse();
    checkByte(byte);
    return this.chain.indexOf(byte, Math.max(from, 0));
  }

  byteAt(offset: number): number {
    if (this.state !== 0) this.refuse();
    return offset >= 0 && offset < this.chain.length ? this.chain.at(Math.floor(offset)) : -1;
  }

  /** @internal An empty buffer at its end. */
  abstract newSlice(owner: SliceOwner): LinkReading & LinkSlice;

  /** @internal A slice of this buffer gave `n` bytes back, which count in `holdings`. */
  sliceReleased(holdings: Holdings, n: number): void {
    this.chain.unsliced(holdings, n);
    if (this.notifyLevel >= 0) this.notify();
  }

  /** @internal */
  takeUntil(byte: number, limit: number): Lent | null | undefined {
    const chain = this.chain;
    if (!(limit > 0)) throw new ArgumentRangeError('limit', 'at least 1', limit);
    const at = chain.find(byte);
    let n = at + 1;
    if (at < 0) {
      if (chain.length < limit) {
        if (this.ending !== null || chain.length === 0) return this.short(chain.length + 1);
        n = chain.length;
      } else {
        n = chain.length + 1;
      }
    }
    if (n > limit) throw new LimitExceededError(limit, noBytes);
    const view = chain.show(n);
    chain.drop(n);
    if (this.notifyLevel >= 0) this.notify();
    return this.lendView(view);
  }

  /** @internal Whether the stream has ended well, with fewer than the `n` bytes that were asked for, but some. */
  leftAtEnd(n: number): boolean {
    return this.ending === null && this.chain.length > 0 && Number.isInteger(n);
  }
}
