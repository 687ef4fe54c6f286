import type { KeyEntry } from './keyspace.ts';

interface Item {
  readonly when: number;
  readonly entry: KeyEntry;
}

function isValid({ when, entry }: Item): boolean {
  return entry.index >= 0 && entry.expiresAt === when;
}

/**
 * Which key ends next: a heap. A key that gets another time leaves its old item behind; it is recognised when its
 * turn comes, and all of them are thrown out once they are the greater part.
 */
export class ExpiryQueue {
  #heap: Item[] = [];

  add(entry: KeyEntry, volatileKeys: number): void {
    if (this.#heap.length > volatileKeys * 2 + 64) this.#heap = this.#heap.filter(isValid).sort(byTime);
    const heap = this.#heap;
    const item = { when: entry.expiresAt, entry };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.when <= item.when) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = item;
  }

  /** When the next key ends; undefined: none will. */
  next(): number | undefined {
    while (this.#heap.length > 0 && !isValid(this.#heap[0]!)) this.#removeFirst();
    return this.#heap[0]?.when;
  }

  /** The next key, if it has ended by then. Whoever takes it deletes it, or sets its time anew. */
  take(now: number): KeyEntry | undefined {
    const when = this.next();
    return when !== undefined && when <= now ? this.#heap[0]!.entry : undefined;
  }

  clear(): void {
    this.#heap = [];
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const item = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.when < heap[child]!.when) child++;
      if (heap[child]!.when >= item.when) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = item;
  }
}

function byTime(a: Item, b: Item): number {
  return a.when - b.when;
}
