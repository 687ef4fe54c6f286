import { nextTurn } from '../runtime/budget.ts';
import { now } from '../runtime/clock.ts';
import { park } from '../runtime/park.ts';
import { signalFault } from '../runtime/signal.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { traceOwner, tracing } from '../runtime/trace.ts';
import { turnTick } from '../runtime/turns.ts';
import { OP_DRAIN, OP_READABLE, OP_STREAM, type Op } from './driver.ts';
import { ECANCELED, FAILED_DEADLINE, type Failure } from './errno.ts';
import type { FD } from './fd/fd.ts';
import { AbortLink, Waiter } from './waiters/waiter.ts';

/** "Expired" as a deadline: any instant before now would do, but 0 means none. */
const LONG_AGO = Number.MIN_VALUE;

/** Bits above the operation in `#state`. */
const OPERATION = 0xff;
/** The waiter of what is in flight has gone: it still completes, for nobody. */
const CANCELLED = 1 << 8;
const WRITING = 1 << 9;
/** A multishot operation has brought something: it is nobody's in particular any more. */
const SHARED = 1 << 11;
/** Somebody waits: that keeps the process alive. A multishot operation alone does not. */
const HOLDING = 1 << 12;
/** A deadline is set: the array of deadlines need not be asked otherwise. */
const LIMITED = 1 << 10;
/** What was in flight is there, and the driver has told so: its reader waits for its turn (see LargeReads). */
const IN_TURN = 1 << 13;
/** Bytes (or connections) that a multishot operation may bring ahead of their readers. */
const MOST_KEPT = 64 * 1024;

/**
 * One direction of an FD: its lock, which is a queue of parked calls, the one operation that the first of them has
 * at the driver, and its deadline.
 *
 * idle: no waiter. waiting: the first waiter's operation is in flight. The readiness of an edge that came with
 * nobody waiting is remembered by the driver (`mayBeReadable`).
 *
 * Every idle connection has one: its fields are few, and packed.
 */
export class PollDesc {
  readonly fd: FD;
  /** Who holds the lock, and behind it who waits for the lock. */
  head: Waiter | null = null;
  #timer: DeadlineTimer | null = null;
  /** The operation at the driver, 0: none, and the flags above. */
  #state: number;

  constructor(fd: FD, writing: boolean) {
    this.fd = fd;
    this.#state = writing ? WRITING : 0;
  }

  // Parking

  park<T>(waiter: Waiter, signal: AbortSignal | undefined): Promise<T> {
    const fault = signalFault(signal);
    if (fault !== null) return Promise.reject(fault);
    const promise = park<T>(waiter as never);
    this.enter(waiter, signal);
    return promise;
  }

  private enter(waiter: Waiter, signal: AbortSignal | undefined): void {
    waiter.sinceTick = turnTick();
    if (tracing) traceOwner(waiter);
    if (signal !== undefined) waiter.abort = new AbortLink(signal, this, waiter);
    if (this.head === null) {
      this.head = waiter;
      if (!this.busy) this.begin(waiter);
      else if (this.#state & SHARED) this.hold();
    } else {
      const { tails } = this.fd.poller;
      (tails.get(this) ?? this.head).next = waiter;
      tails.set(this, waiter);
    }
    if (this.#state & LIMITED) this.arm(this.deadline);
  }

  /** Settles at once where that is possible, else parks. With others in the queue it takes its place there. */
  attemptOrPark<T>(waiter: Waiter, signal: AbortSignal | undefined): Promise<T> {
    if (this.head !== null) return this.park(waiter, signal);
    const fault = signalFault(signal);
    if (fault !== null) return Promise.reject(fault);
    const promise = park<T>(waiter as never);
    if (waiter.attempt(this.fd)) return promise;
    this.enter(waiter, signal);
    return promise;
  }

  /** Resolves when nobody has the lock, and nothing is at the driver. Of one whose calls all fail at once. */
  async whenFree(): Promise<void> {
    while (this.head !== null || this.busy) await this.park<void>(new FreeWaiter(), undefined);
  }

  /** Whether an operation is at the driver, perhaps for somebody who has gone: what it brings comes first. */
  get busy(): boolean {
    return (this.#state & OPERATION) !== 0;
  }

  /** A large read's turn will come; until then its operation is in flight, though not at the driver. */
  awaitTurn(): void {
    this.#state |= IN_TURN;
  }

  /** Its turn has come. False: it does not wait for one any more. */
  takeTurn(): boolean {
    if (!(this.#state & IN_TURN)) return false;
    this.completed(OP_READABLE, 0, 0, false);
    return true;
  }

  /** The driver's completion of what is in flight. */
  completed(op: Op, result: number, offset: number, more: boolean): void {
    if (op !== (this.#state & OPERATION)) return;
    if (more) {
      // A multishot one stays in flight, whoever waits: what it brings goes by way of the FD.
      this.#state |= SHARED;
      this.fd.keep(op, result, offset);
      this.advance();
      if (this.head === null) this.release();
      if (this.fd.kept > MOST_KEPT) this.cancel();
      return;
    }
    const nobodys = (this.#state & (CANCELLED | SHARED)) !== 0;
    this.release();
    this.#state &= WRITING | LIMITED;
    const waiter = this.head;
    if (nobodys) {
      // What came nevertheless must not be lost: it is the next caller's.
      if (result !== -ECANCELED) this.fd.keep(op, result, offset);
      this.advance();
    } else if (waiter === null) {
      this.fd.keep(op, result, offset);
    } else if (waiter.completed(this.fd, result, offset, op)) {
      // It may have closed the descriptor: then the queue is empty already.
      if (this.head === waiter) this.pop(waiter);
      if (this.head !== null) this.advance();
    } else {
      this.begin(waiter);
    }
  }

  /** An interest that outlives its waiters has brought something, or has ended. */
  streamed(): void {
    if (this.head === null) return;
    this.release();
    this.#state &= WRITING | LIMITED;
    this.advance();
  }

  /** Takes one waiter out of the queue, which settles it itself. */
  remove(waiter: Waiter): void {
    if (this.head === waiter) {
      this.pop(waiter);
      this.cancel();
      if (!this.busy) this.advance();
      return;
    }
    for (let before = this.head; before !== null; before = before.next) {
      if (before.next !== waiter) continue;
      before.next = waiter.next;
      if (waiter.next === null) this.fd.poller.tails.set(this, before);
      waiter.abort?.release();
      return;
    }
  }

  private forgetTail(): void {
    const { tails } = this.fd.poller;
    if (tails.size > 0) tails.delete(this);
  }

  /** Wakes everybody; for whom a thread is busy as soon as that returns. */
  failAll(failure: Failure): void {
    let waiter = this.head;
    this.forgetTail();
    if (waiter?.pinned) {
      const { next } = waiter;
      waiter.next = null;
      waiter.interrupt(failure);
      waiter = next;
    } else {
      this.head = null;
      this.cancel();
    }
    while (waiter !== null) {
      waiter.abort?.release();
      waiter.fail(this.fd, failure);
      waiter = waiter.next;
    }
  }

  private begin(waiter: Waiter): void {
    // Not in one: `|=` reads the state first, and to submit may change it.
    const operation = waiter.submit(this.fd);
    this.#state |= operation;
    this.hold();
  }

  private hold(): void {
    if (this.#state & HOLDING) return;
    this.#state |= HOLDING;
    this.fd.poller.driver.hold();
  }

  private release(): void {
    if (!(this.#state & HOLDING)) return;
    this.#state &= ~HOLDING;
    this.fd.poller.driver.release();
  }

  private cancel(): void {
    if (!this.busy || this.#state & CANCELLED) return;
    if ((this.#state & OPERATION) === OP_STREAM || this.#state & IN_TURN) {
      // An interest, or nothing at the driver: nothing will complete.
      this.release();
      this.#state &= WRITING | LIMITED;
      return;
    }
    this.fd.poller.driver.cancel(this.fd.slot, (this.#state & OPERATION) as Op);
    this.#state |= CANCELLED;
  }

  /** Serves the queue until somebody has to wait. */
  private advance(): void {
    for (let waiter = this.head; waiter !== null; waiter = this.head) {
      if (!waiter.attempt(this.fd)) {
        if (!this.busy) this.begin(waiter);
        return;
      }
      if (this.head === waiter) this.pop(waiter);
    }
  }

  private pop(waiter: Waiter): void {
    this.head = waiter.next;
    if (this.head === null) this.forgetTail();
    waiter.abort?.release();
  }

  // Deadlines

  private get deadlineIndex(): number {
    return 2 * this.fd.slot + (this.#state & WRITING ? 1 : 0);
  }

  /** An instant of the monotonic clock; 0: none. */
  get deadline(): number {
    return this.fd.poller.deadlines[this.deadlineIndex]!;
  }

  /** Whether the deadline has passed. "Exactly now" counts as passed. */
  get expired(): boolean {
    return (this.#state & LIMITED) !== 0 && this.deadline <= now();
  }

  /** Extending is a store: the timer notices when it fires, and nobody parked needs none. */
  setDeadline(at: number): void {
    this.fd.poller.deadlines[this.deadlineIndex] = at === 0 ? 0 : Math.max(at, LONG_AGO);
    this.#state = at === 0 ? this.#state & ~LIMITED : this.#state | LIMITED;
    if (at === 0 || this.head === null) return;
    if (at > now()) this.arm(at);
    // Whoever moves it forward again before the waiter would have run has seen no timeout.
    else queueMicrotask(() => this.expire());
  }

  private arm(deadline: number): void {
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.#timer ??= new DeadlineTimer(this);
    if (this.#timer.index < 0 || deadline < this.#timer.when) timers.set(this.#timer, deadline);
  }

  private expire(): void {
    if (this.head === null || !this.expired) return;
    // What has come in time still counts, whoever's turn it is.
    this.takeTurn();
    if (this.head !== null) this.failAll(FAILED_DEADLINE);
  }

  /** Gives the timer up with the descriptor. */
  disarm(): void {
    if (this.#timer !== null) timers.delete(this.#timer);
  }

  /** @internal The heap's instant has come; the deadline's own may be later, or nobody waits any more. */
  timerFired(): void {
    const deadline = this.deadline;
    if (this.head === null || deadline === 0) return;
    if (deadline > now()) {
      this.arm(deadline);
      return;
    }
    // A stalled loop may be late, not the peer: what is there by now still counts.
    if ((this.#state & OPERATION) === OP_DRAIN || this.fd.poller.lookOnce()) this.expire();
    else nextTurn().then(() => this.expire());
  }
}

/** Waits for nothing but its turn. */
class FreeWaiter extends Waiter {
  declare resolve: () => void;

  attempt(): boolean {
    this.resolve();
    return true;
  }

  submit(): Op {
    throw new Error('nothing is to be waited for');
  }

  completed(): boolean {
    return false;
  }

  override get operation(): string {
    return 'detach';
  }

  fail(): void {
    this.resolve();
  }
}

class DeadlineTimer implements Timer {
  when = 0;
  index = -1;
  /** What is parked holds the process already. */
  readonly holds = false;
  readonly #desc: PollDesc;

  constructor(desc: PollDesc) {
    this.#desc = desc;
  }

  fire(): void {
    this.#desc.timerFired();
  }
}
