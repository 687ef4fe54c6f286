import { OP_ACCEPT, OP_LISTEN, OP_READABLE, OP_RECV, type Op } from './driver.ts';
import { EAGAIN, FAILED_DETACHED, FAILED_NOT, type Failure } from './errno.ts';
import type { FD } from './fd.ts';
import { DIRECT_SIZE } from './limits.ts';
import { Waiter } from './waiter.ts';

/** A parked `read`. */
export class ReadWaiter extends Waiter {
  declare resolve: (value: number | null) => void;
  readonly #fd: FD;
  readonly #p: Uint8Array;
  readonly #length: number;

  constructor(fd: FD, p: Uint8Array) {
    super();
    this.#fd = fd;
    this.#p = p;
    this.#length = p.length;
  }

  attempt(): boolean {
    const failure = this.#fd.readFailure();
    if (failure !== FAILED_NOT && this.#length > 0) {
      this.fail(failure);
      return true;
    }
    return this.#receive();
  }

  submit(): Op {
    const driver = this.#fd.poller.driver;
    if (this.#length >= DIRECT_SIZE && driver.capabilities.has('direct')) {
      driver.readable(this.#fd.slot);
      return OP_READABLE;
    }
    driver.recv(this.#fd.slot, this.#length);
    return OP_RECV;
  }

  completed(result: number, offset: number): boolean {
    if (this.#length >= DIRECT_SIZE && this.#fd.poller.driver.capabilities.has('direct')) {
      if (result >= 0) return this.#receive();
    } else if (result > 0) {
      const p = this.#p;
      // A detached or shrunken buffer loses nothing: its bytes are the next reader's.
      const fits = p.length === this.#length;
      const count = this.#fd.deliver(fits ? p : p.subarray(0, 0), offset, result);
      if (fits) this.resolve(count);
      else this.fail(FAILED_DETACHED);
      return true;
    }
    this.#settle(this.#fd.endOrReset(result));
    return true;
  }

  fail(failure: Failure): void {
    this.reject(this.#fd.owner.error('read', failure));
  }

  #receive(): boolean {
    if (this.#p.length !== this.#length) {
      this.fail(FAILED_DETACHED);
      return true;
    }
    const result = this.#length === 0 ? 0 : this.#fd.receiveNow(this.#p);
    if (result === -EAGAIN) return false;
    if (this.#length === 0) this.resolve(0);
    else this.#settle(result);
    return true;
  }

  #settle(result: number): void {
    if (result > 0) this.resolve(result);
    else if (result === 0) this.resolve(null);
    else this.fail(-result);
  }
}

/** A parked `waitReadable`. */
export class ReadableWaiter extends Waiter {
  declare resolve: (value: void) => void;
  readonly #fd: FD;

  constructor(fd: FD) {
    super();
    this.#fd = fd;
  }

  attempt(): boolean {
    const failure = this.#fd.readFailure();
    if (failure !== FAILED_NOT) this.fail(failure);
    else if (this.#fd.hasSomethingToRead()) this.resolve();
    else return false;
    return true;
  }

  submit(): Op {
    this.#fd.poller.driver.readable(this.#fd.slot);
    return OP_READABLE;
  }

  completed(): boolean {
    this.resolve();
    return true;
  }

  fail(failure: Failure): void {
    this.reject(this.#fd.owner.error('read', failure));
  }
}

/** A parked `accept`. */
export class AcceptWaiter extends Waiter {
  declare resolve: (value: unknown) => void;
  readonly #fd: FD;

  constructor(fd: FD) {
    super();
    this.#fd = fd;
  }

  attempt(): boolean {
    const failure = this.#fd.readFailure();
    if (failure !== FAILED_NOT) {
      this.fail(failure);
      return true;
    }
    return this.#settle(this.#fd.acceptNow());
  }

  submit(): Op {
    this.#fd.poller.driver.accept(this.#fd.slot);
    return OP_ACCEPT;
  }

  completed(result: number): boolean {
    return this.#settle(result);
  }

  fail(failure: Failure): void {
    this.reject(this.#fd.owner.error('accept', failure));
  }

  #settle(result: number): boolean {
    if (result === -EAGAIN) return false;
    if (result < 0) this.fail(-result);
    else this.resolve(this.#fd.owner.accepted(result));
    return true;
  }
}

/** Waits until a listening socket listens. */
export class ListenWaiter extends Waiter {
  declare resolve: (value: void) => void;
  readonly #fd: FD;

  constructor(fd: FD) {
    super();
    this.#fd = fd;
  }

  attempt(): boolean {
    return false;
  }

  submit(): Op {
    return OP_LISTEN;
  }

  completed(result: number): boolean {
    if (result < 0) this.fail(-result);
    else this.resolve();
    return true;
  }

  fail(failure: Failure): void {
    this.reject(this.#fd.owner.error('listen', failure));
  }
}
