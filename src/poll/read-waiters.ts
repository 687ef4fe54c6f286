import { OP_ACCEPT, OP_LISTEN, OP_READABLE, OP_RECV, type Op } from './driver.ts';
import { EAGAIN, FAILED_DETACHED, FAILED_NOT, type Failure } from './errno.ts';
import type { FD } from './fd.ts';
import { DIRECT_SIZE } from './limits.ts';
import { Waiter } from './waiter.ts';

/** Takes the place of a buffer that was transferred away. */
const NOTHING = new Uint8Array(0);

/** A parked `read`. */
export class ReadWaiter extends Waiter {
  declare resolve: (value: number | null) => void;
  readonly #p: Uint8Array;
  readonly #length: number;

  constructor(p: Uint8Array) {
    super();
    this.#p = p;
    this.#length = p.length;
  }

  attempt(fd: FD): boolean {
    const failure = fd.readFailure();
    if (failure !== FAILED_NOT && this.#length > 0) {
      this.fail(fd, failure);
      return true;
    }
    return this.#receive(fd);
  }

  submit(fd: FD): Op {
    const driver = fd.poller.driver;
    if (this.#length >= DIRECT_SIZE && driver.capabilities.has('direct')) {
      driver.readable(fd.slot);
      return OP_READABLE;
    }
    driver.recv(fd.slot, this.#length);
    return OP_RECV;
  }

  completed(fd: FD, result: number, offset: number): boolean {
    if (this.#length >= DIRECT_SIZE && fd.poller.driver.capabilities.has('direct')) {
      if (result >= 0) return this.#receive(fd);
    } else if (result > 0) {
      const p = this.#p;
      // A detached or shrunken buffer loses nothing: its bytes are the next reader's.
      const fits = p.length === this.#length;
      const count = fd.deliver(fits ? p : NOTHING, offset, result);
      if (fits) this.resolve(count);
      else this.fail(fd, FAILED_DETACHED);
      return true;
    }
    this.#settle(fd, fd.endOrReset(result));
    return true;
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('read', failure));
  }

  #receive(fd: FD): boolean {
    if (this.#p.length !== this.#length) {
      this.fail(fd, FAILED_DETACHED);
      return true;
    }
    const result = this.#length === 0 ? 0 : fd.receiveNow(this.#p);
    if (result === -EAGAIN) return false;
    if (this.#length === 0) this.resolve(0);
    else this.#settle(fd, result);
    return true;
  }

  #settle(fd: FD, result: number): void {
    if (result > 0) this.resolve(result);
    else if (result === 0) this.resolve(null);
    else this.fail(fd, -result);
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

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('read', failure));
  }
}

/** A parked `accept`. */
export class AcceptWaiter extends Waiter {
  declare resolve: (value: unknown) => void;

  attempt(fd: FD): boolean {
    const failure = fd.readFailure();
    if (failure !== FAILED_NOT) {
      this.fail(fd, failure);
      return true;
    }
    return this.#settle(fd, fd.acceptNow());
  }

  submit(fd: FD): Op {
    fd.poller.driver.accept(fd.slot);
    return OP_ACCEPT;
  }

  completed(fd: FD, result: number): boolean {
    return this.#settle(fd, result);
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('accept', failure));
  }

  #settle(fd: FD, result: number): boolean {
    if (result === -EAGAIN) return false;
    if (result < 0) this.fail(fd, -result);
    else this.resolve(fd.owner.accepted(result));
    return true;
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

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('listen', failure));
  }
}
