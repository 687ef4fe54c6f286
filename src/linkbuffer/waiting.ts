import { ArgumentTypeError } from '../io/arguments.ts';
import { type Delimiter, delimiterByte } from '../io/delimiter.ts';
import { UnexpectedEOFError } from '../io/errors.ts';
import { resolvedCount, resolvedNull, resolvedVoid } from '../io/resolved.ts';
import { park } from '../runtime/park.ts';
import { beginWait, endWait } from '../runtime/waits.ts';
import { WAITING } from './core.ts';
import { NotEnoughDataError } from './errors.ts';
import { defaultUntilLimit, LinkReading } from './reading.ts';
import type { Lent, LinkSlice } from './types.ts';
import {
  LinkWaiter,
  NEXT,
  type Operation,
  PEEK,
  READ,
  READ_BINARY,
  READ_BYTE,
  READ_STRING,
  READABLE,
  SKIP,
  SLICE,
  UNTIL,
} from './waiter.ts';

/** The calls of a LinkBuffer's reading side that wait. `LinkReader` has the contracts. */
export abstract class LinkWaiting extends LinkReading {
  next(n: number): Promise<Lent | null> {
    return this.#async(NEXT, n) as Promise<Lent | null>;
  }

  peek(n: number): Promise<Lent | null> {
    return this.#async(PEEK, n) as Promise<Lent | null>;
  }

  skip(n: number): Promise<void> {
    return this.#async(SKIP, n) as Promise<void>;
  }

  until(delimiter: Delimiter, limit: number = defaultUntilLimit): Promise<Lent | null> {
    try {
      return this.#async(UNTIL, limit, delimiterByte(delimiter)) as Promise<Lent | null>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  readString(n: number): Promise<string | null> {
    return this.#async(READ_STRING, n) as Promise<string | null>;
  }

  readBinary(n: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#async(READ_BINARY, n) as Promise<Uint8Array<ArrayBuffer> | null>;
  }

  readByte(): Promise<number | null> {
    return this.#async(READ_BYTE, 1) as Promise<number | null>;
  }

  slice(n: number): Promise<LinkSlice | null> {
    return this.#async(SLICE, n) as Promise<LinkSlice | null>;
  }

  read(p: Uint8Array): Promise<number | null> {
    try {
      const n = this.tryRead(p);
      if (n !== undefined) return n === null ? resolvedNull : resolvedCount(n);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#park(new LinkWaiter(this, READ, 1, 0, p)) as Promise<number | null>;
  }

  /** Resolves when bytes, the end or an error are at hand. Consumes nothing. */
  waitReadable(): Promise<void> {
    return this.#async(READABLE, 1) as Promise<void>;
  }

  /** Rejects the call that waits, if one does; it has consumed nothing (`skip`: perhaps a part). True: there was one. */
  fail(error: unknown): boolean {
    const waiter = this.waiter;
    if (waiter === null) return false;
    this.unpark(waiter);
    waiter.reject(error);
    return true;
  }

  /** Up to how many bytes in all the call that waits needs; 0: none waits. */
  get needed(): number {
    const waiter = this.waiter;
    if (waiter === null) return 0;
    if (waiter.operation === UNTIL) return this.chain.length + 1;
    return waiter.operation === SKIP ? 1 : waiter.n;
  }

  /** @internal Something has changed for the call that waits. */
  wake(): void {
    const waiter = this.waiter!;
    const { operation, n } = waiter;
    const chain = this.chain;
    // Most wakes of who waits for much come too early: nothing needs to be tried.
    if (this.ending === undefined && operation !== UNTIL && operation !== SKIP && chain.length < n) return;
    this.state &= ~WAITING;
    let result: unknown;
    try {
      if (operation === SKIP) result = this.#skipSome(waiter);
      else if (operation === READ) result = this.#readInto(waiter.p!);
      else result = this.#attempt(operation, n, waiter.delimiter);
    } catch (error) {
      this.unpark(waiter);
      waiter.reject(error);
      return;
    }
    if (result === undefined) {
      this.state |= WAITING;
      if (operation === UNTIL) this.#tellNeed();
      return;
    }
    this.unpark(waiter);
    waiter.resolve(operation === SKIP || operation === READABLE ? undefined : result);
  }

  /** @internal */
  unpark(waiter: LinkWaiter): void {
    this.waiter = null;
    this.state &= ~WAITING;
    endWait(waiter);
  }

  /** Does what `operation` asks for now, or parks. */
  #async(operation: Operation, n: number, delimiter = 0): Promise<unknown> {
    if (operation === SKIP && n > this.chain.length && this.state === 0) return this.#skipAll(n);
    let result: unknown;
    try {
      result = this.#attempt(operation, n, delimiter);
    } catch (error) {
      return Promise.reject(error);
    }
    if (result === undefined) return this.#park(new LinkWaiter(this, operation, n, delimiter));
    if (result === null) return resolvedNull;
    if (operation === SKIP || operation === READABLE) return resolvedVoid;
    return Promise.resolve(result);
  }

  /** undefined: not without waiting. */
  #attempt(operation: Operation, n: number, delimiter: number): unknown {
    switch (operation) {
      case NEXT:
        return this.tryNext(n);
      case PEEK:
        return this.tryPeek(n);
      case SKIP:
        return this.trySkip(n) || undefined;
      case UNTIL:
        if (this.state !== 0) this.refuse();
        return this.takeUntil(delimiter, n);
      case READ_STRING:
        return this.tryReadString(n);
      case READ_BINARY:
        return this.tryReadBinary(n);
      case READ_BYTE:
        return this.tryReadByte();
      case SLICE:
        return this.trySlice(n);
      default:
        if (this.state !== 0) this.refuse();
        return this.chain.length > 0 || this.ending !== undefined || this.owner === null ? true : undefined;
    }
  }

  #park(waiter: LinkWaiter): Promise<unknown> {
    if (this.owner === null) {
      const { operation, n } = waiter;
      const wanted = operation === UNTIL ? 'a delimiter' : `${n}`;
      return Promise.reject(new NotEnoughDataError(this.chain.length, wanted));
    }
    const promise = park(waiter);
    this.waiter = waiter;
    this.state |= WAITING;
    beginWait(waiter);
    this.#tellNeed();
    return promise;
  }

  /** An owner that cannot have that much fails the call. */
  #tellNeed(): void {
    try {
      this.owner!.need(this.needed);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Into a `p` that may have been transferred away meanwhile: that is an error, and nothing is consumed. */
  #readInto(p: Uint8Array): number | null | undefined {
    const n = this.tryRead(p);
    if (n === 0)
      throw new ArgumentTypeError('p', 'a Uint8Array whose memory stays until the call settles', p);
    return n;
  }

  #skipAll(n: number): Promise<void> {
    const waiter = new LinkWaiter(this, SKIP, n);
    if (this.owner !== null || this.ending !== undefined) {
      try {
        if (!Number.isInteger(n)) this.short(n);
        if (this.#skipSome(waiter) === true) return resolvedVoid;
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#park(waiter) as Promise<void>;
  }

  #skipSome(waiter: LinkWaiter): true | undefined {
    const n = Math.min(waiter.n, this.chain.length);
    waiter.n -= n;
    waiter.skipped += n;
    if (n > 0) this.drop(n);
    if (waiter.n === 0) return true;
    if (this.ending === undefined) return undefined;
    if (this.ending !== null) throw this.ending;
    throw new UnexpectedEOFError(waiter.skipped, waiter.skipped + waiter.n);
  }
}
