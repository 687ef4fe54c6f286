/** What an IndexedMap holds: its owner adds fields. */
export interface Indexed {
  readonly key: string;
  /** Where it stands in the map's order. Kept by the map. */
  index: number;
}

/**
 * A map whose entries also stand in one dense array: a random one costs nothing, and a scan needs no state on the
 * server. A scan goes from the end to the beginning; an entry only ever moves towards the beginning (into the place
 * of one that was removed), so whatever was there for the whole scan is seen, at worst twice.
 */
export class IndexedMap<E extends Indexed> {
  readonly #entries = new Map<string, E>();
  readonly #order: E[] = [];

  get size(): number {
    return this.#order.length;
  }

  get(key: string): E | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The entry's key must not be in the map. */
  add(entry: E): void {
    entry.index = this.#order.length;
    this.#order.push(entry);
    this.#entries.set(entry.key, entry);
  }

  delete(entry: E): void {
    this.#entries.delete(entry.key);
    const last = this.#order.pop()!;
    if (last === entry) return;
    this.#order[entry.index] = last;
    last.index = entry.index;
  }

  at(index: number): E {
    return this.#order[index]!;
  }

  /** Entries in their order. It may not be changed meanwhile. */
  all(): readonly E[] {
    return this.#order;
  }

  random(): E {
    return this.#order[Math.floor(Math.random() * this.#order.length)]!;
  }

  /** `count` different ones, all if there are fewer, in no order. */
  sample(count: number): E[] {
    const { length } = this.#order;
    if (count >= length) return [...this.#order];
    if (count * 3 > length) {
      const pool = [...this.#order];
      for (let i = 0; i < count; i++) {
        const other = i + Math.floor(Math.random() * (length - i));
        const entry = pool[other]!;
        pool[other] = pool[i]!;
        pool[i] = entry;
      }
      return pool.slice(0, count);
    }
    const chosen = new Set<E>();
    while (chosen.size < count) chosen.add(this.random());
    return [...chosen];
  }

  /**
   * Visits up to `count` entries from `cursor` on (0: the beginning of a scan) and gives the cursor of the next call,
   * 0 at the end.
   */
  scan(cursor: number, count: number, visit: (entry: E) => void): number {
    const { length } = this.#order;
    const from = cursor === 0 ? length : Math.min(cursor, length);
    const to = Math.max(0, from - count);
    for (let i = from - 1; i >= to; i--) visit(this.#order[i]!);
    return to;
  }
}
