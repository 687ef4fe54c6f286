import { type Indexed, IndexedMap } from './indexed-map.ts';

/** A set. */
export class Members {
  readonly kind = 'set';
  readonly members = new IndexedMap<Indexed>();

  get length(): number {
    return this.members.size;
  }

  has(key: string): boolean {
    return this.members.has(key);
  }

  /** True: it was not in the set. */
  add(key: string): boolean {
    if (this.members.has(key)) return false;
    this.members.add({ key, index: 0 });
    return true;
  }

  delete(key: string): boolean {
    const member = this.members.get(key);
    if (member === undefined) return false;
    this.members.delete(member);
    return true;
  }

  *keys(): Generator<string> {
    for (const { key } of this.members.all()) yield key;
  }
}
