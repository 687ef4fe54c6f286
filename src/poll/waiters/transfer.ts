import type { LimitedReader, Writer } from '../../io/index.ts';
import { OP_DRAIN, OP_TRANSFER, OP_WRITABLE, type Op } from '../driver.ts';
import { FAILED_NOT, type Failure } from '../errno.ts';
import type { FD } from '../fd/fd.ts';
import { failedBefore } from './sending.ts';
import { Waiter } from './waiter.ts';

/**
 * The method of a reader that can do more for a connection than be read: files. Moves all that is left, at most
 * what `limited` allows, to `fd`, or by `w.write` where that cannot be. Rejects with CopyError.
 */
export const sendTo: unique symbol = Symbol('gopark.sendTo');

export interface FileSource {
  [sendTo](w: Writer, fd: FD, limited: LimitedReader | null): Promise<number>;
}

/** How a piece ended: there is more, the socket is full, nothing is left to do, or it failed. */
export type PieceOutcome =
  | 'more'
  | 'blocked'
  | 'over'
  | { readonly errno: number }
  | { readonly error: unknown };

/** Moves bytes to a socket on a thread, piece by piece. */
export interface PieceSource {
  /** Begins a piece. Later, never inside the call, `done` is called once. */
  begin(slot: number, done: (count: number, outcome: PieceOutcome) => void): void;
  /** Nobody wants the piece any more: it need not begin, and is done early where no thread has it. */
  withdraw(): void;
}

/**
 * A parked copy: it holds the writing side from its first piece to its last. While a thread moves a piece nothing
 * ends the wait before the thread does, for otherwise nobody would know how much went, and the next write would
 * come in the middle of it.
 */
export class TransferWaiter extends Waiter {
  declare resolve: () => void;
  /** Until it is parked there is nobody to tell. */
  override reject: (reason: unknown) => void = () => {};
  readonly #source: PieceSource;
  #moved = 0;
  /** The socket was full. */
  #blocked = false;
  #pinned = false;
  #outcome: PieceOutcome = 'more';
  #stopped: { readonly failure: Failure } | { readonly error: unknown } | null = null;

  constructor(source: PieceSource) {
    super();
    this.#source = source;
  }

  attempt(fd: FD): boolean {
    if (failedBefore(fd, this)) return true;
    fd.poller.driver.flushNow(fd.slot);
    return false;
  }

  submit(fd: FD): Op {
    const { slot } = fd;
    const { driver } = fd.poller;
    if (driver.outboundLength(slot) > 0) {
      driver.drain(slot, 0);
      return OP_DRAIN;
    }
    if (this.#blocked) {
      this.#blocked = false;
      driver.writable(slot);
      return OP_WRITABLE;
    }
    this.#pinned = true;
    this.#source.begin(slot, (count, outcome) => {
      this.#pinned = false;
      this.#moved += count;
      this.#outcome = outcome;
      fd.writer.completed(OP_TRANSFER, count, 0, false);
    });
    return OP_TRANSFER;
  }

  completed(fd: FD, result: number, _offset: number, op: Op): boolean {
    if (op !== OP_TRANSFER) return this.goOn(fd, result);
    const outcome = this.#outcome;
    const stopped = this.#stopped;
    if (outcome === 'over') {
      // A deadline that passed on the way changes nothing: everything went.
      this.resolve();
      return true;
    }
    if (stopped !== null) {
      if ('error' in stopped) this.reject(stopped.error);
      else this.fail(fd, stopped.failure);
      return true;
    }
    if (typeof outcome === 'object') {
      if ('error' in outcome) {
        this.reject(outcome.error);
      } else {
        fd.faulted(outcome.errno, 0);
        this.fail(fd, fd.takeWriteFailure());
      }
      return true;
    }
    this.#blocked = outcome === 'blocked';
    return this.goOn(fd, result);
  }

  /** False: the next step is to be begun. */
  private goOn(fd: FD, result: number): boolean {
    const failure = fd.takeWriteFailure();
    if (failure === FAILED_NOT && result >= 0) return false;
    this.fail(fd, failure === FAILED_NOT ? -result : failure);
    return true;
  }

  override get pinned(): boolean {
    return this.#pinned;
  }

  override interrupt(failure: Failure): void {
    this.stopWith({ failure });
  }

  /** Ends it from outside. It rejects with `error`, once no thread is busy for it any more. */
  stop(fd: FD, error: unknown): void {
    if (this.#pinned) {
      this.stopWith({ error });
      return;
    }
    fd.writer.remove(this);
    this.reject(error);
  }

  private stopWith(why: { readonly failure: Failure } | { readonly error: unknown }): void {
    this.#stopped ??= why;
    this.#source.withdraw();
  }

  override get operation(): string {
    return 'copy';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('write', failure, { bytesWritten: this.#moved, ...fd.takeUnsent() }));
  }
}
