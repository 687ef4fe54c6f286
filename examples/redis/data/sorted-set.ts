import { type Indexed, IndexedMap } from './indexed-map.ts';
import { type Ranked, SkipList } from './skip-list.ts';

export interface Scored extends Indexed {
  score: number;
}

/** Members with scores: by name in a map, by rank in a skip list. */
export class SortedSet {
  readonly kind = 'zset';
  readonly scores = new IndexedMap<Scored>();
  readonly #ranks = new SkipList();

  get length(): number {
    return this.scores.size;
  }

  score(key: string): number | undefined {
    return this.scores.get(key)?.score;
  }

  /** What changed: a member more, another score, or nothing. */
  set(key: string, score: number): 'added' | 'changed' | 'same' {
    const found = this.scores.get(key);
    if (found === undefined) {
      this.scores.add({ key, score, index: 0 });
      this.#ranks.insert(score, key);
      return 'added';
    }
    if (found.score === score) return 'same';
    this.#ranks.delete(found.score, key);
    found.score = score;
    this.#ranks.insert(score, key);
    return 'changed';
  }

  delete(key: string): boolean {
    const found = this.scores.get(key);
    if (found === undefined) return false;
    this.#ranks.delete(found.score, key);
    this.scores.delete(found);
    return true;
  }

  rank(key: string): number | undefined {
    const found = this.scores.get(key);
    return found === undefined ? undefined : this.#ranks.rankOf(found.score, key);
  }

  /** How many come before the first for which `isIn` holds, as it must for all behind that one. */
  countBefore(isIn: (one: Ranked) => boolean): number {
    return this.#ranks.countBefore(isIn);
  }

  /** `count` of them from this rank on, upwards or downwards; no more than there are. */
  range(rank: number, count: number, reverse = false): Iterable<Ranked> {
    return this.#ranks.range(rank, count, reverse);
  }
}
