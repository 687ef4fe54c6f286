import type { ReplyReader } from './reader.ts';

/** Answers that end with a delimiter. */
export class DelimitedReplies implements ReplyReader {
  readonly refusals = 0;
  readonly #delimiter: Uint8Array;
  /** Where to go on when byte i of the delimiter does not fit: the longest beginning that ends there as well. */
  readonly #fallback: Uint32Array;
  /** So much of the delimiter has come. */
  #matched = 0;

  constructor(delimiter: Uint8Array) {
    this.#delimiter = delimiter;
    this.#fallback = fallbackOf(delimiter);
  }

  take(p: Uint8Array, from: number, to: number): number {
    const delimiter = this.#delimiter;
    let matched = this.#matched;
    let replies = 0;
    for (let i = from; i < to; i++) {
      const byte = p[i]!;
      while (matched > 0 && delimiter[matched] !== byte) matched = this.#fallback[matched - 1]!;
      if (delimiter[matched] === byte && ++matched === delimiter.length) {
        replies++;
        matched = 0;
      }
    }
    this.#matched = matched;
    return replies;
  }
}

function fallbackOf(delimiter: Uint8Array): Uint32Array {
  const fallback = new Uint32Array(delimiter.length);
  for (let i = 1, matched = 0; i < delimiter.length; i++) {
    while (matched > 0 && delimiter[i] !== delimiter[matched]) matched = fallback[matched - 1]!;
    if (delimiter[i] === delimiter[matched]) matched++;
    fallback[i] = matched;
  }
  return fallback;
}
