import { spendDear } from '../../runtime/budget.ts';
import { turnTick } from '../../runtime/turns.ts';
import { OP_ACCEPT, OP_LISTEN, OP_READABLE, OP_RECV, type Op } from '../driver.ts';
import { EAGAIN, FAILED_DETACHED, FAILED_NOT, type Failure } from '../errno.ts';
import { completionError } from '../fd/completion-error.ts';
import type { FD } from '../fd/fd.ts';
import type { SlotTaker } from '../fd/owner.ts';
import type { Receiving } from '../fd/receiving.ts';
import { DIRECT_SIZE } from '../limits.ts';
import { Waiter } from './waiter.ts';

/** Takes the place of a buffer that was transferred away. */
const NOTHING = new Uint8Array(0);

/** Connections that are accepted before the first of them has been served with what it brought along. */
const MOST_UNSERVED = 8;

/** Whether a read into `p` is one of those that take turns. */
export function isLargeRead(fd: Receiving, p: Uint8Array): boolean {
  return p.length >= DIRECT_SIZE && fd.poller.direct && !fd.packets;
}

/** A parked `read` into a buffer that was not empty: if it is now, it was transferred away. */
export class ReadWaiter extends Waiter {
  declare resolve: (value: number | null) => void;
  readonly #p: Uint8Array;

  constructor(p: Uint8Array) {
    super();
    this.#p = p;
  }

  attempt(fd: FD): boolean {
    const failure = fd.readFailure();
    if (failure === FAILED_NOT) return this.receive(fd);
    this.fail(fd, failure);
    return true;
  }

  submit(fd: FD): Op {
    const { driver, largeReads } = fd.poller;
    const isLarge = this.isLarge(fd);
    if (isLarge && largeReads.running && fd.mayBeReadable) {
      largeReads.add(fd);
      return OP_READABLE;
    }
    if (isLarge || fd.packets) {
      driver.readable(fd.slot);
      return OP_READABLE;
    }
    driver.recv(fd.slot, this.#p.length);
    return OP_RECV;
  }

  override isLarge(fd: FD): boolean {
    return isLargeRead(fd, this.#p);
  }

  completed(fd: FD, result: number, offset: number, op: Op): boolean {
    if (op === OP_READABLE && result >= 0) return this.receive(fd);
    if (result <= 0) {
      this.settle(fd, fd.endOrReset(result));
    } else if (this.#p.length > 0) {
      this.resolve(fd.deliver(this.#p, offset, result));
    } else {
      // Nothing is lost with the buffer: the bytes are the next reader's.
      fd.deliver(NOTHING, offset, result);
      this.fail(fd, FAILED_DETACHED);
    }
    return true;
  }

  override get operation(): string {
    return 'read';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('read', failure));
  }

  private receive(fd: FD): boolean {
    if (this.#p.length === 0) {
      this.fail(fd, FAILED_DETACHED);
      return true;
    }
    const result = fd.receiveNow(this.#p);
    if (result === -EAGAIN) return false;
    this.settle(fd, result);
    return true;
  }

  private settle(fd: FD, result: number): void {
    if (result > 0) this.resolve(result);
    else if (result === 0) this.resolve(null);
    else this.reject(completionError(fd.owner, 'read', -result));
  }
}

/** A `read` into an empty buffer, behind others: it only waits for its turn, whatever the deadline says then. */
export class EmptyReadWaiter extends Waiter {
  declare resolve: (value: number) => void;

  attempt(fd: FD): boolean {
    if (fd.closed) this.fail(fd, fd.closure);
    else this.resolve(0);
    return true;
  }

  submit(): Op {
    throw new Error('an empty read has nothing to wait for');
  }

  completed(): boolean {
    return false;
  }

  override get operation(): string {
    return 'read';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('read', failure));
  }
}

/** A parked `waitReadable`. */
export class ReadableWaiter extends Waiter {
  declare resolve: () => void;

  attempt(fd: FD): boolean {
    const failure = fd.readFailure();
    if (failure !== FAILED_NOT) this.fail(fd, failure);
    else if (fd.hasSomethingToRead()) this.resolve();
    else return false;
    return true;
  }

  submit(fd: FD): Op {
    fd.poller.driver.readable(fd.slot);
    return OP_READABLE;
  }

  completed(): boolean {
    this.resolve();
    return true;
  }

  override get operation(): string {
    return 'waitReadable';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('read', failure));
  }
}

/** A parked `accept`. */
export class AcceptWaiter extends Waiter {
  declare resolve: (value: unknown) => void;
  readonly #maker: SlotTaker;

  constructor(maker: SlotTaker) {
    super();
    this.#maker = maker;
  }

  attempt(fd: FD): boolean {
    const failure = fd.readFailure();
    if (failure !== FAILED_NOT) {
      this.fail(fd, failure);
      return true;
    }
    return this.settle(fd, fd.acceptNow());
  }

  submit(fd: FD): Op {
    fd.poller.driver.accept(fd.slot);
    return OP_ACCEPT;
  }

  completed(fd: FD, result: number): boolean {
    return this.settle(fd, result);
  }

  override get operation(): string {
    return 'accept';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('accept', failure));
  }

  private settle(fd: FD, result: number): boolean {
    if (result === -EAGAIN) return false;
    if (result < 0) this.fail(fd, -result);
    else this.resolve(this.#maker.accepted(result));
    return true;
  }
}

/** A parked `acceptEach`: stays at the head of the queue while connections come and nobody else wants one. */
export class AcceptEachWaiter extends Waiter {
  declare resolve: () => void;
  readonly #taker: SlotTaker;
  #failed = false;

  constructor(taker: SlotTaker) {
    super();
    this.#taker = taker;
  }

  attempt(fd: FD): boolean {
    const failure = fd.readFailure();
    if (failure !== FAILED_NOT) {
      this.fail(fd, failure);
      return true;
    }
    return this.#take(fd, fd.acceptNow());
  }

  submit(fd: FD): Op {
    fd.poller.driver.accept(fd.slot);
    return OP_ACCEPT;
  }

  completed(fd: FD, result: number): boolean {
    return this.#take(fd, result);
  }

  override get operation(): string {
    return 'accept';
  }

  fail(fd: FD, failure: Failure): void {
    this.#failed = true;
    this.reject(fd.owner.error('accept', failure));
  }

  /** The connection at hand, and those that wait behind it. */
  #take(fd: FD, first: number): boolean {
    let taken = 0;
    for (let slot = first; slot !== -EAGAIN; slot = fd.acceptNow()) {
      if (slot < 0) {
        this.fail(fd, -slot);
        return true;
      }
      this.#taker.accepted(slot);
      // Whom it was given to may have closed the listener, and with it this call.
      if (this.#failed) return true;
      const failure = fd.readFailure();
      if (failure !== FAILED_NOT) {
        this.fail(fd, failure);
        return true;
      }
      // Others wait for one, too, or for their turn: also those who were just accepted, and run behind this.
      if (this.next !== null || ++taken === MOST_UNSERVED || spendDear()) {
        this.resolve();
        return true;
      }
    }
    this.sinceTick = turnTick();
    return false;
  }
}

/** Waits until a listening socket listens. */
export class ListenWaiter extends Waiter {
  declare resolve: () => void;

  attempt(): boolean {
    return false;
  }

  submit(): Op {
    return OP_LISTEN;
  }

  completed(fd: FD, result: number): boolean {
    if (result < 0) this.fail(fd, -result);
    else this.resolve();
    return true;
  }

  override get operation(): string {
    return 'listen';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('listen', failure));
  }
}
