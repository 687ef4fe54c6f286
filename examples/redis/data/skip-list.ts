const MOST_LEVELS = 32;

class Node {
  readonly member: string;
  readonly score: number;
  /** The next node on each level, and how many ranks it is away. */
  readonly next: (Node | null)[];
  readonly span: number[];
  previous: Node | null = null;

  constructor(member: string, score: number, levels: number) {
    this.member = member;
    this.score = score;
    this.next = new Array<Node | null>(levels).fill(null);
    this.span = new Array<number>(levels).fill(0);
  }
}

export type Ranked = Readonly<Pick<Node, 'member' | 'score'>>;

function isBefore(node: Node, score: number, member: string): boolean {
  return node.score < score || (node.score === score && node.member < member);
}

function randomLevels(): number {
  let levels = 1;
  while (levels < MOST_LEVELS && Math.random() < 0.25) levels++;
  return levels;
}

/** Members in the order of their scores, those of one score in the order of their bytes: all in O(log n). */
export class SkipList {
  readonly #head = new Node('', 0, MOST_LEVELS);
  #tail: Node | null = null;
  #levels = 1;
  length = 0;
  /** For each level, the last node before the place that is looked for, and its rank. Used within one call. */
  readonly #path: Node[] = new Array<Node>(MOST_LEVELS).fill(this.#head);
  readonly #ranks: number[] = new Array<number>(MOST_LEVELS).fill(0);

  #descend(score: number, member: string): void {
    let node = this.#head;
    let rank = 0;
    for (let level = this.#levels - 1; level >= 0; level--) {
      for (let next = node.next[level]!; next !== null && isBefore(next, score, member); ) {
        rank += node.span[level]!;
        node = next;
        next = node.next[level]!;
      }
      this.#path[level] = node;
      this.#ranks[level] = rank;
    }
  }

  /** The pair must not be in the list. */
  insert(score: number, member: string): void {
    this.#descend(score, member);
    const levels = randomLevels();
    for (; this.#levels < levels; this.#levels++) {
      this.#path[this.#levels] = this.#head;
      this.#ranks[this.#levels] = 0;
      this.#head.span[this.#levels] = this.length;
    }
    const node = new Node(member, score, levels);
    const rank = this.#ranks[0]!;
    for (let level = 0; level < levels; level++) {
      const before = this.#path[level]!;
      const passed = rank - this.#ranks[level]!;
      node.next[level] = before.next[level]!;
      before.next[level] = node;
      node.span[level] = before.span[level]! - passed;
      before.span[level] = passed + 1;
    }
    for (let level = levels; level < this.#levels; level++) this.#path[level]!.span[level]!++;
    node.previous = this.#path[0] === this.#head ? null : this.#path[0]!;
    const next = node.next[0]!;
    if (next === null) this.#tail = node;
    else next.previous = node;
    this.length++;
    this.#forgetPath();
  }

  /** The pair must be in the list. */
  delete(score: number, member: string): void {
    this.#descend(score, member);
    const node = this.#path[0]!.next[0]!;
    for (let level = 0; level < this.#levels; level++) {
      const before = this.#path[level]!;
      if (before.next[level] === node) {
        before.span[level]! += node.span[level]! - 1;
        before.next[level] = node.next[level]!;
      } else {
        before.span[level]!--;
      }
    }
    const next = node.next[0]!;
    if (next === null) this.#tail = node.previous;
    else next.previous = node.previous;
    while (this.#levels > 1 && this.#head.next[this.#levels - 1] === null) this.#levels--;
    this.length--;
    this.#forgetPath();
  }

  /** No node that is gone is kept alive by the path to it. */
  #forgetPath(): void {
    for (let level = 0; level < this.#levels; level++) this.#path[level] = this.#head;
  }

  /** How many pairs come before this one. */
  rankOf(score: number, member: string): number {
    this.#descend(score, member);
    const rank = this.#ranks[0]!;
    this.#forgetPath();
    return rank;
  }

  /** How many pairs come before the first for which `isIn` holds; it must hold for all behind that one. */
  countBefore(isIn: (node: Ranked) => boolean): number {
    let node = this.#head;
    let rank = 0;
    for (let level = this.#levels - 1; level >= 0; level--) {
      for (let next = node.next[level]!; next !== null && !isIn(next); ) {
        rank += node.span[level]!;
        node = next;
        next = node.next[level]!;
      }
    }
    return rank;
  }

  /** `count` pairs from the one with this rank on, upwards or downwards. They must be there. */
  *range(rank: number, count: number, reverse = false): Generator<Ranked> {
    let node = this.#at(rank);
    for (let i = 0; i < count && node !== null; i++) {
      yield node;
      node = reverse ? node.previous : node.next[0]!;
    }
  }

  #at(rank: number): Node | null {
    if (rank === this.length - 1) return this.#tail;
    let node = this.#head;
    let passed = -1;
    for (let level = this.#levels - 1; level >= 0; level--) {
      for (let next = node.next[level]!; next !== null && passed + node.span[level]! <= rank; ) {
        passed += node.span[level]!;
        node = next;
        next = node.next[level]!;
      }
    }
    return node === this.#head ? null : node;
  }
}
