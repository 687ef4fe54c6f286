interface Entry {
  readonly symbol: string;
  readonly sequence: number;
  readonly line: string;
}

/** The last ticks, with the numbers that the whole market knows them by, for those who come back. */
export class History {
  readonly #capacity: number;
  readonly #entries: Entry[] = [];
  /** Where the oldest one stands, when it is full. */
  #oldest = 0;
  /** All ticks behind this one are here. */
  #complete: number;
  #last: number;

  /** `last`: the number of the tick before the first that will be added. */
  constructor(capacity: number, last: number) {
    this.#capacity = capacity;
    this.#last = last;
    this.#complete = last;
  }

  /** The number of the last tick that everybody has been given. */
  get last(): number {
    return this.#last;
  }

  /** `after` a number that may be asked for: not less than this. */
  get first(): number {
    return this.#complete;
  }

  add(symbol: string, sequence: number, line: string): void {
    // Where some are missing, or numbers begin anew, nobody can be told all of what he missed before.
    if (sequence !== this.#last + 1) this.#forget(sequence - 1);
    this.#last = sequence;
    const entry = { symbol, sequence, line };
    if (this.#entries.length < this.#capacity) {
      this.#entries.push(entry);
      return;
    }
    this.#complete = this.#entries[this.#oldest]!.sequence;
    this.#entries[this.#oldest] = entry;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  #forget(last: number): void {
    this.#entries.length = 0;
    this.#oldest = 0;
    this.#complete = last;
  }

  /** The ticks of these symbols after number `after`, which is not less than `first`. */
  since(after: number, symbols: ReadonlySet<string>): string[] {
    return this.entriesAfter(after)
      .filter(({ symbol }) => symbols.has(symbol))
      .map(({ line }) => line);
  }

  /** All of them. */
  entriesAfter(after: number): Entry[] {
    const count = Math.min(this.#entries.length, Math.max(0, this.#last - after));
    const found: Entry[] = [];
    for (let i = this.#entries.length - count; i < this.#entries.length; i++) {
      found.push(this.#entries[(this.#oldest + i) % this.#entries.length]!);
    }
    return found;
  }
}
