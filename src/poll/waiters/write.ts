import { OP_CONNECT, OP_DRAIN, OP_WRITABLE, type Op } from '../driver.ts';
import { EAGAIN, EMSGSIZE, FAILED_DEADLINE, FAILED_DETACHED, FAILED_NOT, type Failure } from '../errno.ts';
import type { Descriptor } from '../fd/descriptor.ts';
import type { FD } from '../fd/fd.ts';
import { DIRECT_SIZE, OUTBOUND_BOUND } from '../limits.ts';
import { failedBefore, failedNow, lowWater } from './sending.ts';
import { Waiter } from './waiter.ts';

/** A parked `write`: everything of `p` goes, in order, before the next write has its turn. */
export class WriteWaiter extends Waiter {
  declare resolve: (value: number) => void;
  readonly #p: Uint8Array;
  readonly #length: number;
  /** Bytes of `p` that the chain or the kernel has. */
  #written = 0;
  /** Straight from the caller's memory, once nothing is outbound. */
  readonly #direct: boolean;
  /** Settle only when the kernel has everything. */
  readonly #strict: boolean;

  constructor(fd: Descriptor, p: Uint8Array) {
    super();
    this.#p = p;
    this.#length = p.length;
    this.#direct =
      fd.packets || fd.unstaged || (p.length >= DIRECT_SIZE && fd.poller.driver.capabilities.has('direct'));
    this.#strict = fd.strict;
  }

  attempt(fd: FD): boolean {
    if (failedBefore(fd, this)) return true;
    return this.go(fd);
  }

  submit(fd: FD): Op {
    const { poller, slot } = fd;
    const outbound = poller.driver.outboundLength(slot);
    if (this.#direct && outbound === 0) {
      poller.driver.writable(slot);
      return OP_WRITABLE;
    }
    const left = this.#length - this.#written;
    poller.driver.drain(slot, this.#direct ? 0 : lowWater(left));
    return OP_DRAIN;
  }

  completed(fd: FD, result: number): boolean {
    if (result >= 0 && this.#strict && !this.#direct && this.#written === this.#length) {
      this.resolve(this.#length);
      return true;
    }
    if (result >= 0) return this.go(fd);
    return failedNow(fd, this, result);
  }

  override get operation(): string {
    return 'write';
  }

  fail(fd: FD, failure: Failure): void {
    const counts = { bytesWritten: this.#written, ...fd.takeUnsent() };
    this.reject(fd.owner.error('write', failure, counts));
  }

  override abandon(fd: FD, reason: unknown): void {
    this.reject(fd.owner.aborted(reason, this.#written));
  }

  private go(fd: FD): boolean {
    if (this.#p.length !== this.#length) {
      this.fail(fd, FAILED_DETACHED);
      return true;
    }
    if (!(this.#direct ? this.send(fd) : this.stage(fd))) return false;
    this.resolve(this.#length);
    return true;
  }

  private send(fd: FD): boolean {
    const { poller, slot } = fd;
    const driver = poller.driver;
    driver.flushNow(slot);
    if (driver.outboundLength(slot) > 0) return false;
    // An empty message is one, too.
    let empty = this.#length === 0 && fd.packets;
    while (this.#written < this.#length || empty) {
      const sent = driver.trySend(slot, this.#p, this.#written, this.#length);
      if (sent === -EAGAIN) return false;
      if (sent === -EMSGSIZE && fd.packets) {
        // Of this message alone.
        this.fail(fd, EMSGSIZE);
        return true;
      }
      if (sent < 0) {
        fd.faulted(-sent, 0);
        this.fail(fd, fd.takeWriteFailure());
        return true;
      }
      this.#written += sent;
      empty = false;
    }
    return true;
  }

  private stage(fd: FD): boolean {
    const { poller, slot } = fd;
    const driver = poller.driver;
    const room = OUTBOUND_BOUND - driver.outboundLength(slot);
    const left = this.#length - this.#written;
    // A small write goes in whole or not at all yet, a large one piece by piece.
    if (left > 0 && (left <= room || (this.#length > OUTBOUND_BOUND && room > 0))) {
      const count = Math.min(left, room);
      driver.stage(slot, this.#p, this.#written, this.#written + count);
      this.#written += count;
    }
    // The strict form settles by way of the driver: a fault of this very flush comes before its completion.
    return this.#written === this.#length && !this.#strict;
  }
}

/** Waits until nothing is outbound any more: for `flush`, `closeWrite` and `close`. */
export class DrainWaiter extends Waiter {
  declare resolve: () => void;
  readonly #op: string;

  constructor(op: string) {
    super();
    this.#op = op;
  }

  attempt(fd: FD): boolean {
    if (failedBefore(fd, this)) return true;
    fd.poller.driver.flushNow(fd.slot);
    // Also when nothing is left, by way of the driver: a fault of this very flush comes before its completion.
    return false;
  }

  submit(fd: FD): Op {
    fd.poller.driver.drain(fd.slot, 0);
    return OP_DRAIN;
  }

  completed(fd: FD, result: number): boolean {
    const failure = fd.takeWriteFailure();
    // A deadline that passed on the way changes nothing: everything went.
    const failed = failure !== FAILED_NOT && (failure !== FAILED_DEADLINE || result < 0);
    if (failed) this.fail(fd, failure);
    else if (result < 0) this.fail(fd, -result);
    else this.resolve();
    return true;
  }

  override get operation(): string {
    return this.#op;
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error(this.#op, failure, fd.takeUnsent()));
  }
}

/** `close` waits for its last bytes; how that ends is for the FD to say. */
export class CloseWaiter extends Waiter {
  declare resolve: (value: Failure) => void;

  attempt(): boolean {
    return false;
  }

  submit(fd: FD): Op {
    fd.poller.driver.drain(fd.slot, 0);
    return OP_DRAIN;
  }

  completed(): boolean {
    this.resolve(FAILED_NOT);
    return true;
  }

  override get operation(): string {
    return 'close';
  }

  fail(_fd: FD, failure: Failure): void {
    this.resolve(failure);
  }
}

/** Waits until a connect has succeeded or failed. */
export class ConnectWaiter extends Waiter {
  declare resolve: () => void;

  attempt(): boolean {
    return false;
  }

  submit(): Op {
    return OP_CONNECT;
  }

  completed(fd: FD, result: number): boolean {
    if (result < 0) this.fail(fd, -result);
    else this.resolve();
    return true;
  }

  override get operation(): string {
    return 'dial';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('dial', failure));
  }
}
