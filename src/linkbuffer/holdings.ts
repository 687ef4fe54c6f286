import type { Link } from './link.ts';

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
