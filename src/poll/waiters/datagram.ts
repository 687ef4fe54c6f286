import { D_LENGTH, D_OFFSET, D_SIZE } from '../datagram-block.ts';
import type { RawAddress } from '../datagram-driver.ts';
import { OP_DATAGRAMS, OP_SEND, type Op } from '../driver.ts';
import { EAGAIN, FAILED_DETACHED, FAILED_NOT, type Failure } from '../errno.ts';
import type { DatagramFD } from '../fd/datagram-fd.ts';
import type { FD } from '../fd/fd.ts';
import { Waiter } from './waiter.ts';

/** A datagram of the caller's in a batch. */
export interface Message {
  data: Uint8Array;
  length: number;
  addr: unknown;
  truncated?: boolean;
}

/** One that is to be sent. */
export interface Outgoing {
  readonly p: Uint8Array;
  readonly length: number;
  readonly to: RawAddress | null;
}

/** A parked call that one datagram ends. */
abstract class InboundWaiter extends Waiter {
  /** Settles with what is at hand: a datagram at least. */
  protected abstract take(fd: DatagramFD): void;

  attempt(fd: FD): boolean {
    const failure = (fd as DatagramFD).readyToRead();
    if (failure === EAGAIN) return false;
    if (failure === FAILED_NOT) this.take(fd as DatagramFD);
    else this.fail(fd, failure);
    return true;
  }

  submit(fd: FD): Op {
    (fd as DatagramFD).datagrams.receive(fd.slot);
    return OP_DATAGRAMS;
  }

  completed(fd: FD, result: number): boolean {
    if (result < 0) {
      this.fail(fd, -result);
    } else {
      (fd as DatagramFD).arrived(result);
      this.take(fd as DatagramFD);
    }
    return true;
  }

  fail(fd: FD, failure: Failure): void {
    this.reject((fd as DatagramFD).readError(failure));
  }
}

/** One that has a buffer: if that was not empty and is now, it was transferred away. */
abstract class BufferWaiter extends InboundWaiter {
  protected readonly p: Uint8Array;
  readonly #length: number;

  constructor(p: Uint8Array) {
    super();
    this.p = p;
    this.#length = p.length;
  }

  protected take(fd: DatagramFD): void {
    // Nothing is lost with the buffer: the datagram is the next reader's.
    if (this.#length > 0 && this.p.length === 0) this.fail(fd, FAILED_DETACHED);
    else this.settle(fd);
  }

  protected abstract settle(fd: DatagramFD): void;
}

/** A parked `receive`. */
export class ReceiveWaiter extends BufferWaiter {
  declare resolve: (value: [number, unknown]) => void;

  protected settle(fd: DatagramFD): void {
    this.resolve(fd.takeFrom(this.p));
  }

  override get operation(): string {
    return 'receive';
  }
}

/** A parked `read`. */
export class DatagramReadWaiter extends BufferWaiter {
  declare resolve: (value: number) => void;

  protected settle(fd: DatagramFD): void {
    this.resolve(fd.takeInto(this.p));
  }

  override get operation(): string {
    return 'read';
  }
}

/** A parked `receiveBatch`. */
export class BatchWaiter extends InboundWaiter {
  declare resolve: (value: number) => void;
  readonly #messages: readonly Message[];

  constructor(messages: readonly Message[]) {
    super();
    this.#messages = [...messages];
  }

  protected take(fd: DatagramFD): void {
    this.resolve(fd.takeAll(this.#messages));
  }

  override get operation(): string {
    return 'receiveBatch';
  }
}

/** A parked `send` or `write`, or one of a batch. */
export class SendWaiter extends Waiter {
  declare resolve: (value: number) => void;
  readonly #outgoing: readonly Outgoing[];
  readonly #batch: boolean;
  /** How many went. */
  #sent = 0;

  constructor(outgoing: readonly Outgoing[], batch: boolean) {
    super();
    this.#outgoing = outgoing;
    this.#batch = batch;
  }

  attempt(fd: FD): boolean {
    const datagrams = fd as DatagramFD;
    for (;;) {
      const failure = fd.takeWriteFailure();
      if (failure !== FAILED_NOT) {
        this.fail(fd, failure);
        return true;
      }
      if (this.#sent === this.#outgoing.length) return this.#succeed();
      if (this.#detached()) {
        this.fail(fd, FAILED_DETACHED);
        return true;
      }
      const result = datagrams.batches ? this.#sendSome(datagrams) : -EAGAIN;
      if (result === -EAGAIN) return false;
      if (result < 0) {
        this.fail(fd, -result);
        return true;
      }
      this.#sent += result;
    }
  }

  /** How many of the next ones went, or the negated errno that met the first. */
  #sendSome(fd: DatagramFD): number {
    const count = this.#stage(fd);
    if (count > 1) return fd.attempt(() => fd.datagrams.trySendBatch(fd.slot, count));
    const { p, length, to } = this.#outgoing[this.#sent]!;
    const result = fd.sendNow(length === p.length ? p : p.subarray(0, length), to);
    return result < 0 ? result : 1;
  }

  /** Puts the next ones side by side: how many had room. */
  #stage(fd: DatagramFD): number {
    const block = fd.datagrams.outbound;
    const { words, data } = block;
    const most = Math.min(block.count, this.#outgoing.length - this.#sent);
    let at = 0;
    let count = 0;
    for (; count < most; count++) {
      const { p, length, to } = this.#outgoing[this.#sent + count]!;
      if (at + length > data.length || p.length < length) break;
      data.set(length === p.length ? p : p.subarray(0, length), at);
      words[count * D_SIZE + D_OFFSET] = at;
      words[count * D_SIZE + D_LENGTH] = length;
      block.setAddress(count, to);
      at += length;
    }
    return count;
  }

  #detached(): boolean {
    const { p, length } = this.#outgoing[this.#sent]!;
    return p.length < length;
  }

  #succeed(): true {
    this.resolve(this.#batch ? this.#sent : this.#outgoing[0]!.length);
    return true;
  }

  submit(fd: FD): Op {
    const { p, length, to } = this.#outgoing[this.#sent]!;
    (fd as DatagramFD).datagrams.send(fd.slot, length === p.length ? p : p.subarray(0, length), to);
    return OP_SEND;
  }

  completed(fd: FD, result: number): boolean {
    if (result < 0) {
      // What an ICMP message says of another peer is no failure of this send.
      if ((fd as DatagramFD).toldOfPeer()) return this.attempt(fd);
      this.fail(fd, -result);
      return true;
    }
    this.#sent++;
    // A deadline that passed on the way changes nothing: all went.
    if (this.#sent === this.#outgoing.length) return this.#succeed();
    return this.attempt(fd);
  }

  override get operation(): string {
    return this.#batch ? 'sendBatch' : 'send';
  }

  fail(fd: FD, failure: Failure): void {
    const destination = this.#outgoing[this.#sent]?.to ?? null;
    const counts = this.#batch ? { destination, datagramsSent: this.#sent } : { destination };
    this.reject(fd.owner.error('write', failure, counts));
  }

  /** Like a write that was cut short: whoever aborts a batch must know how much of it went. */
  override abandon(fd: FD, reason: unknown): void {
    this.reject((fd as DatagramFD).owner.aborted(reason, this.#sent));
  }
}
