import { ArgumentRangeError } from '../io/arguments.ts';
import { ConcurrentUseError, UnexpectedEOFError } from '../io/errors.ts';
import { Chain } from './chain.ts';
import { BufferClosedError, ReleasedError } from './errors.ts';
import { guard, poisoned } from './poison.ts';
import type { BlockPool } from './pool.ts';
import type { Lent, LinkOwner } from './types.ts';
import type { LinkWaiter } from './waiter.ts';

// Why a call must not go on. 0: it may.
export const CLOSED = 1;
export const RELEASED = 2;
export const WAITING = 4;

/** What every part of a LinkBuffer needs: its memory, its state, and who is told. */
export abstract class LinkCore {
  /** @internal */
  readonly chain: Chain;
  /** @internal */
  owner: LinkOwner | null;
  /** @internal */
  state = 0;
  /** @internal */
  waiter: LinkWaiter | null = null;
  /** @internal undefined: the stream goes on; null: it has ended; else why it broke. */
  ending: unknown;
  /** @internal The owner wants to know when no more than this is held; -1: it does not. */
  notifyLevel = -1;

  /** @internal */
  constructor(pool: BlockPool, owner: LinkOwner | null) {
    this.chain = new Chain(pool);
    this.owner = owner;
  }

  /** How many bytes can be read without waiting. */
  get len(): number {
    return this.chain.length;
  }

  /** @internal */
  drop(n: number): void {
    this.chain.drop(n);
    if (this.notifyLevel >= 0) this.notify();
  }

  /** @internal */
  notify(): void {
    if (this.chain.heldLength > this.notifyLevel) return;
    this.notifyLevel = -1;
    this.owner?.drained();
  }

  /** @internal What the chain shows, as the caller gets it. */
  lendView(view: Uint8Array): Lent {
    return (poisoned ? guard(this, view) : view) as Lent;
  }

  /** @internal The answer to who asks for more than is there: undefined, null, or an error. */
  short(n: number): null | undefined {
    if (!Number.isInteger(n)) throw new ArgumentRangeError('n', 'a whole number', n);
    const ending = this.ending;
    if (ending === undefined) return undefined;
    if (ending !== null) throw ending;
    if (this.chain.length === 0) return null;
    throw new UnexpectedEOFError(this.chain.length, n);
  }

  /** @internal */
  refuse(): never {
    const state = this.state;
    if ((state & RELEASED) !== 0) throw new ReleasedError('a slice');
    if ((state & CLOSED) !== 0) throw this.closedError();
    throw new ConcurrentUseError('the reading side of the buffer');
  }

  /** @internal */
  closedError(): Error {
    return this.owner === null ? new BufferClosedError() : this.owner.closedError();
  }
}
