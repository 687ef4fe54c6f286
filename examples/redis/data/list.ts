const INITIAL = 8;

/** A list: a ring in one array. Both ends and any position are reached at once; an insertion moves the shorter side. */
export class List {
  readonly kind = 'list';
  #ring: (string | undefined)[] = new Array(INITIAL);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #slot(index: number): number {
    return (this.#head + index) & (this.#ring.length - 1);
  }

  /** `index` from 0 to `length - 1`. */
  at(index: number): string {
    return this.#ring[this.#slot(index)]!;
  }

  set(index: number, value: string): void {
    this.#ring[this.#slot(index)] = value;
  }

  push(value: string): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#ring[this.#slot(this.#length++)] = value;
  }

  unshift(value: string): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#head = this.#slot(-1);
    this.#length++;
    this.#ring[this.#head] = value;
  }

  /** The list must not be empty. */
  pop(): string {
    const slot = this.#slot(--this.#length);
    const value = this.#ring[slot]!;
    this.#ring[slot] = undefined;
    this.#shrink();
    return value;
  }

  /** The list must not be empty. */
  shift(): string {
    const value = this.#ring[this.#head]!;
    this.#ring[this.#head] = undefined;
    this.#head = this.#slot(1);
    this.#length--;
    this.#shrink();
    return value;
  }

  /** `value` before what stands at `index` (0 to `length`). */
  insert(index: number, value: string): void {
    if (index <= this.#length >> 1) {
      this.unshift(value);
      for (let i = 0; i < index; i++) this.set(i, this.at(i + 1));
    } else {
      this.push(value);
      for (let i = this.#length - 1; i > index; i--) this.set(i, this.at(i - 1));
    }
    this.set(index, value);
  }

  /** Keeps the elements for which `keeps` says so, from the first on. */
  filter(keeps: (value: string, index: number) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.#length; i++) {
      const value = this.at(i);
      if (keeps(value, i)) this.set(kept++, value);
    }
    for (let i = kept; i < this.#length; i++) this.#ring[this.#slot(i)] = undefined;
    this.#length = kept;
    this.#shrink();
  }

  #shrink(): void {
    if (this.#ring.length > INITIAL && this.#length <= this.#ring.length >> 2) {
      let size = this.#ring.length;
      while (size > INITIAL && this.#length <= size >> 2) size >>= 1;
      this.#resize(size);
    }
  }

  #resize(size: number): void {
    const ring: (string | undefined)[] = new Array(size);
    for (let i = 0; i < this.#length; i++) ring[i] = this.at(i);
    this.#ring = ring;
    this.#head = 0;
  }
}
