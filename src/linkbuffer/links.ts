import type { Block } from './block.ts';
import { Holdings } from './holdings.ts';
import { copyOut, free, type Link } from './link.ts';
import type { BlockPool } from './pool.ts';

/**
 * The links of a chain, in the order of their bytes. The reader's end is `first`, the writer's `last`; what is
 * written and not flushed begins in `unflushed`. A link that was read leaves the chain at once, or, where a part of
 * it is lent, when that is given back.
 */
export class Links {
  readonly pool: BlockPool;
  first: Link | null = null;
  last: Link | null = null;
  unflushed: Link | null = null;
  /** How many bytes can be read. */
  length = 0;
  unflushedLength = 0;
  /** The link whose free part the driver fills at the moment. */
  protected reservedLink: Link | null = null;
  protected holdings: Holdings | null = null;

  constructor(pool: BlockPool) {
    this.pool = pool;
  }

  /** Whether it holds nothing at all. */
  get idle(): boolean {
    return this.first === null && this.holdings === null && this.reservedLink === null;
  }

  protected hold(): Holdings {
    this.holdings ??= new Holdings();
    return this.holdings;
  }

  protected push(link: Link): Link {
    const { last } = this;
    this.last = link;
    if (last === null) {
      this.first = link;
      return link;
    }
    last.next = link;
    // Exhausted links that were kept for their room, which was too small. The new one is still empty itself.
    for (let old = this.first!; old !== link && this.mayLeave(old); ) old = this.shift(old)!;
    return link;
  }

  /** Whether `link`, the first, has nothing more to give and nobody needs its free part. */
  protected mayLeave(link: Link): boolean {
    if (link.start !== link.filled || link === this.reservedLink) return false;
    // The last one is filled further while it is exposed: else every short message would pin a block of its own.
    return link !== this.last || !link.exposed;
  }

  protected leave(): void {
    let link = this.first;
    while (link !== null && this.mayLeave(link)) link = this.shift(link);
  }

  /** Takes the first link out and gives the one behind it. */
  protected shift(link: Link): Link | null {
    const { next } = link;
    this.first = next;
    if (next === null) this.last = null;
    if (this.unflushed === link) this.unflushed = next;
    if (link.exposed) {
      const holdings = this.hold();
      link.next = holdings.held;
      holdings.held = link;
    } else {
      free(link);
    }
    return next;
  }

  /** The bytes in `link`, which are not ours, move to a block that is. */
  protected own(link: Link): void {
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
}
