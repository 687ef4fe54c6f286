import { nextTurn, spend, spendDear } from '../../runtime/budget.ts';
import { abortReason } from '../../runtime/failures.ts';
import { settled, settledRead, settledVoid } from '../../runtime/settled.ts';
import { EAGAIN, FAILED_NOT } from '../errno.ts';
import {
  AcceptEachWaiter,
  AcceptWaiter,
  EmptyReadWaiter,
  isLargeRead,
  ListenWaiter,
  ReadableWaiter,
  ReadWaiter,
} from '../waiters/read.ts';
import type { SlotTaker } from './owner.ts';
import { Receiving } from './receiving.ts';

/** The calls of the reading direction: they settle with what is at hand, or park. */
export abstract class Reading extends Receiving {
  read(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.reading.head === null) {
      const failure = this.readFailure();
      if (failure !== FAILED_NOT && (p.length > 0 || this.closed)) {
        return Promise.reject(this.owner.error('read', failure));
      }
      if (p.length === 0) return settled(0);
      if (!this.poller.largeReads.running || !isLargeRead(this, p) || this.inbound !== null) {
        const result = this.receiveNow(p);
        if (result >= 0) return settledRead(result === 0 ? null : result);
        if (result !== -EAGAIN) return Promise.reject(this.owner.error('read', -result));
      }
    }
    return this.reading.park(p.length === 0 ? new EmptyReadWaiter() : new ReadWaiter(p), signal);
  }

  /** Bytes at hand, `null` at the end, `undefined`: nothing now, or somebody else is reading. Throws errors. */
  tryRead(p: Uint8Array): number | null | undefined {
    if (this.reading.head !== null) return undefined;
    const failure = this.readFailure();
    if (failure !== FAILED_NOT && (p.length > 0 || this.closed)) throw this.owner.error('read', failure);
    if (p.length === 0) return 0;
    // A peer that never stops sending must not keep a loop over tryRead from ever leaving.
    if (spend()) return undefined;
    const result = this.receiveNow(p);
    if (result > 0) return result;
    if (result === 0) return null;
    if (result === -EAGAIN) return undefined;
    throw this.owner.error('read', -result);
  }

  waitReadable(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.reading.head === null) {
      const failure = this.readFailure();
      if (failure !== FAILED_NOT) return Promise.reject(this.owner.error('read', failure));
      if (this.hasSomethingToRead()) return settledVoid();
    }
    return this.reading.park(new ReadableWaiter(), signal);
  }

  // Accepting

  listening(): Promise<void> {
    return this.reading.park(new ListenWaiter(), undefined);
  }

  /** `maker` makes a connection of the slot. */
  accept(signal: AbortSignal | undefined, maker: SlotTaker = this.owner): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.reading.head === null) {
      const failure = this.readFailure();
      if (failure !== FAILED_NOT) return Promise.reject(this.owner.error('accept', failure));
      const result = this.acceptNow();
      if (result >= 0) {
        const conn = maker.accepted(result);
        return settled(0).then(() => conn);
      }
      if (result !== -EAGAIN) return Promise.reject(this.owner.error('accept', -result));
    }
    return this.reading.park(new AcceptWaiter(maker), signal);
  }

  /**
   * Gives each connection to `taker`, as they come, within the driver's round. Resolves when others should have their
   * turn: it is to be called again then. Rejects when one cannot be accepted.
   */
  acceptEach(taker: SlotTaker): Promise<void> {
    if (spendDear()) return nextTurn();
    return this.reading.attemptOrPark(new AcceptEachWaiter(taker), undefined);
  }
}
