import { resolvedVoid } from '../io/resolved.ts';
import { ReleasedError } from './errors.ts';
import type { Holdings } from './holdings.ts';
import type { LinkReading } from './reading.ts';
import type { LinkOwner } from './types.ts';

/** Stands where a slice has an owner: a slice has all its bytes, nothing waits for more. */
export class SliceOwner implements LinkOwner {
  readonly #parent: LinkReading;
  /** Where the parent counts it; null: it is empty. */
  readonly #holdings: Holdings | null;
  readonly #length: number;

  constructor(parent: LinkReading, holdings: Holdings | null, length: number) {
    this.#parent = parent;
    this.#holdings = holdings;
    this.#length = length;
  }

  released(): void {
    if (this.#holdings !== null) this.#parent.sliceReleased(this.#holdings, this.#length);
  }

  need(): void {}

  drained(): void {}

  flushed(): Promise<void> {
    return resolvedVoid;
  }

  closedError(): Error {
    return new ReleasedError('a slice');
  }
}
