import { nextTurn, spend } from '../../runtime/budget.ts';
import { OP_DRAIN, OP_READABLE, OP_TRANSFER, OP_WRITABLE, type Op } from '../driver.ts';
import { EAGAIN, FAILED_NOT, type Failure } from '../errno.ts';
import type { FD } from '../fd/fd.ts';
import { copyOf } from '../limits.ts';
import {
  SPLICE_CANNOT,
  SPLICE_EMPTY,
  SPLICE_END,
  SPLICE_FROM_FAILED,
  SPLICE_FULL,
  SPLICE_MORE,
  SPLICE_TO_FAILED,
  Splice,
} from '../splice.ts';
import { Waiter } from './waiter.ts';

/** What a copy has to wait for, or that it is over. */
type Next = 'source' | 'destination' | 'turn' | 'over';

/** How many bytes may still be taken from the source. A LimitedReader is one. */
export interface Limit {
  remaining: number;
}

/** How a copy ended that did not fail: with the source, or because it cannot go on this way. */
export type SpliceEnd = 'end' | 'cannot';

/** Which side failed, and with what. */
export class SpliceFailure {
  readonly side: 'read' | 'write';
  readonly cause: unknown;

  constructor(side: 'read' | 'write', cause: unknown) {
    this.side = side;
    this.cause = cause;
  }
}

/**
 * A copy from one descriptor to another inside the kernel, parked at its source, whose reading side it holds all the
 * time. The writing side of the destination it holds only while bytes are on their way: as long as the source is
 * silent, others write.
 */
export class SpliceWaiter extends Waiter {
  declare resolve: (end: SpliceEnd) => void;
  /** Bytes that the destination's kernel has. */
  copied = 0;
  readonly #from: FD;
  readonly #to: FD;
  readonly #limit: Limit | null;
  readonly #splice = new Splice();
  /** Taken from the source, and not sent: in memory, because there was no room for them. */
  #left: Uint8Array | null = null;
  #next: Next = 'source';
  /** The destination has our attention: what happens to the source meanwhile is seen to afterwards. */
  #pinned = false;
  #cannot = false;

  constructor(from: FD, to: FD, limit: Limit | null) {
    super();
    this.#from = from;
    this.#to = to;
    this.#limit = limit;
  }

  attempt(): boolean {
    return this.advance();
  }

  submit(from: FD): Op {
    if (this.#next === 'source') {
      from.poller.driver.readable(from.slot);
      return OP_READABLE;
    }
    this.#pinned = true;
    if (this.#next === 'turn') {
      this.goOn();
    } else {
      const waiter = new DeliveryWaiter(this);
      this.#to.writer.park<void>(waiter, undefined);
      // It is the same goroutine that waits.
      waiter.resolve = this.resolve as never;
    }
    return OP_TRANSFER;
  }

  completed(): boolean {
    // An error of what it waited for is the socket's own: the next step meets it.
    return this.advance();
  }

  /** Back to the source, a little later: others with as much to copy have their turn before, and then everybody else. */
  goOn(): void {
    const turn = this.#next === 'turn' && spend() ? nextTurn() : Promise.resolve();
    turn.then(() => {
      this.#pinned = false;
      this.#from.reading.completed(OP_TRANSFER, 0, 0, false);
    });
  }

  override get pinned(): boolean {
    return this.#pinned;
  }

  override get elsewhere(): boolean {
    return this.#pinned && this.#next === 'destination';
  }

  override get operation(): string {
    return 'copy';
  }

  fail(from: FD, failure: Failure): void {
    this.end();
    this.reject(new SpliceFailure('read', from.owner.error('read', failure)));
  }

  /** True: settled. */
  private advance(): boolean {
    if (this.#next === 'over') return true;
    this.#next = this.#to.writer.head === null ? this.step() : 'destination';
    return this.#next === 'over';
  }

  /** As far as it gets without waiting, with both sides for itself. Settles when it says 'over'. */
  step(): Next {
    const from = this.#from;
    const to = this.#to;
    const started = this.#left !== null || this.#splice.held > 0;
    if (!started) {
      if (this.#limit !== null && this.#limit.remaining <= 0) return this.succeed('end');
      const failure = from.readFailure();
      if (failure !== FAILED_NOT) return this.failed('read', failure);
      if (this.#cannot) return this.succeed('cannot');
      // What an operation brings that is under way for somebody who has gone comes first.
      if (from.reading.busy) return 'source';
    }
    const refusal = started ? to.takeWriteFailure() : to.writeRefusal();
    if (refusal !== FAILED_NOT) return started ? this.failed('write', refusal) : this.refused(refusal);
    const { driver } = to.poller;
    driver.flushNow(to.slot);
    if (driver.outboundLength(to.slot) > 0) return 'destination';
    if (this.#left !== null) {
      const next = this.sendLeft();
      if (next !== null) return next;
    }
    if (!started && from.inbound !== null) return this.sendInbound();
    return this.splice();
  }

  private splice(): Next {
    const from = this.#from;
    const to = this.#to;
    const splice = this.#splice;
    const limit = this.#limit;
    // Whatever happened to the source meanwhile: what was taken from it is delivered first.
    const open = from.readFailure() === FAILED_NOT && to.writeRefusal() === FAILED_NOT && !this.#cannot;
    if (!open && splice.held === 0) return 'turn';
    if (open && splice.held === 0 && !from.mayBeReadable) return 'source';
    const most = open ? (limit?.remaining ?? Number.MAX_SAFE_INTEGER) : 0;
    const outcome = to.poller.driver.trySplice!(open ? from.slot : -1, to.slot, most, splice);
    this.copied += splice.sent;
    if (limit !== null) limit.remaining -= splice.taken;
    if (splice.leftTo > splice.leftFrom && outcome !== SPLICE_TO_FAILED) {
      this.#left = copyOf(to.poller.driver.slab, splice.leftFrom, splice.leftTo);
      splice.leftTo = splice.leftFrom;
    }
    switch (outcome) {
      case SPLICE_EMPTY:
        return 'source';
      case SPLICE_FULL:
        return 'destination';
      case SPLICE_END: {
        const end = from.endOrReset(0);
        return end === 0 ? this.succeed('end') : this.failed('read', -end);
      }
      case SPLICE_FROM_FAILED:
        return this.failed('read', splice.errno);
      case SPLICE_TO_FAILED:
        to.faulted(splice.errno, 0);
        return this.failed('write', to.takeWriteFailure());
      case SPLICE_CANNOT:
        this.#cannot = true;
        return this.#left !== null || splice.held > 0 ? 'destination' : this.succeed('cannot');
      case SPLICE_MORE:
        return limit !== null && limit.remaining <= 0 ? this.succeed('end') : 'turn';
    }
  }

  /** The destination takes nothing: an error, unless there is nothing to take either. */
  private refused(failure: Failure): Next {
    const from = this.#from;
    if (from.inbound !== null) return this.failed('write', failure);
    const { driver } = from.poller;
    const peeked = from.mayBeReadable ? driver.peek(from.slot) : -EAGAIN;
    if (peeked === -EAGAIN) return 'source';
    if (peeked === 1) return this.failed('write', failure);
    const end = from.endOrReset(peeked);
    return end === 0 ? this.succeed('end') : this.failed('read', -end);
  }

  /** Bytes that had been received before: they go first. Those that the kernel does not take stay where they are. */
  private sendInbound(): Next {
    const from = this.#from;
    const to = this.#to;
    const most = Math.min(from.inbound!.length, this.#limit?.remaining ?? Number.POSITIVE_INFINITY);
    const sent = to.poller.driver.trySend(to.slot, from.inbound!, 0, most);
    if (sent === -EAGAIN) return 'destination';
    if (sent < 0) {
      to.faulted(-sent, 0);
      return this.failed('write', to.takeWriteFailure());
    }
    from.consumeInbound(sent);
    this.copied += sent;
    if (this.#limit !== null) this.#limit.remaining -= sent;
    return sent < most ? 'destination' : 'turn';
  }

  /** Null: all went. */
  private sendLeft(): Next | null {
    const to = this.#to;
    const left = this.#left!;
    const sent = to.poller.driver.trySend(to.slot, left, 0, left.length);
    if (sent === -EAGAIN) return 'destination';
    if (sent < 0) {
      to.faulted(-sent, 0);
      return this.failed('write', to.takeWriteFailure());
    }
    this.copied += sent;
    this.#left = sent === left.length ? null : left.subarray(sent);
    return this.#left === null ? null : 'destination';
  }

  private succeed(end: SpliceEnd): 'over' {
    this.end();
    this.resolve(end);
    return 'over';
  }

  /** Settles it with the failure of a side, while it has that side or both. */
  failed(side: 'read' | 'write', failure: Failure): 'over' {
    const fd = side === 'read' ? this.#from : this.#to;
    const counts = side === 'write' ? { bytesWritten: this.copied, ...fd.takeUnsent() } : undefined;
    this.#next = 'over';
    this.end();
    this.reject(new SpliceFailure(side, fd.owner.error(side, failure, counts)));
    return 'over';
  }

  /** A pipe that still holds bytes is nobody's any more. */
  private end(): void {
    this.#to.poller.driver.endSplice!(this.#splice);
    this.#left = null;
  }

  /** Told by the one who waits at the destination: true, when that is over. */
  deliver(): boolean {
    const next = this.step();
    if (next === 'destination') return false;
    this.#next = next;
    return true;
  }
}

/** The same copy at its destination, whose writing side it holds until that has taken what was on its way. */
class DeliveryWaiter extends Waiter {
  declare resolve: () => void;
  readonly #copy: SpliceWaiter;

  constructor(copy: SpliceWaiter) {
    super();
    this.#copy = copy;
  }

  attempt(): boolean {
    return this.deliver();
  }

  submit(to: FD): Op {
    const { driver } = to.poller;
    if (driver.outboundLength(to.slot) > 0) {
      driver.drain(to.slot, 0);
      return OP_DRAIN;
    }
    driver.writable(to.slot);
    return OP_WRITABLE;
  }

  completed(): boolean {
    return this.deliver();
  }

  override get operation(): string {
    return 'copy';
  }

  fail(_to: FD, failure: Failure): void {
    this.#copy.failed('write', failure);
    this.#copy.goOn();
  }

  private deliver(): boolean {
    if (!this.#copy.deliver()) return false;
    this.#copy.goOn();
    return true;
  }
}
