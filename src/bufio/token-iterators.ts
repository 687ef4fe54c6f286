import type { Scanner } from './scanner.ts';

const over: IteratorReturnResult<undefined> = { value: undefined, done: true };

/**
 * Iterates over a scanner's tokens. Written by hand: an async generator costs three promises a turn, this one.
 */
abstract class TokenIterator<T> implements AsyncIterableIterator<T> {
  protected readonly scanner: Scanner;
  #done = false;

  constructor(scanner: Scanner) {
    this.scanner = scanner;
  }

  protected abstract token(): T;

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#done) return Promise.resolve(over);
    let hit: boolean | undefined;
    try {
      hit = this.scanner.tryScan();
    } catch (error) {
      this.#done = true;
      return Promise.reject(error);
    }
    if (hit === true) return Promise.resolve({ value: this.token(), done: false });
    if (hit === false) return Promise.resolve(over);
    return this.scanner.scan().then((found) => (found ? { value: this.token(), done: false } : over));
  }

  /** Called where a loop is left early. The scanner stays as it is. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#done = true;
    return Promise.resolve(over);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

export class TextIterator extends TokenIterator<string> {
  protected token(): string {
    return this.scanner.text();
  }
}

export class ViewIterator extends TokenIterator<Uint8Array> {
  protected token(): Uint8Array {
    return this.scanner.bytes();
  }
}
