import { abortReason } from '../../runtime/failures.ts';
import { settled, settledWith } from '../../runtime/settled.ts';
import { D_LENGTH, D_OFFSET, D_SEGMENT, D_SIZE, type DatagramBlock, type Keeper } from '../datagram-block.ts';
import type { DatagramDriver, RawAddress } from '../datagram-driver.ts';
import { OP_DATAGRAMS, OP_SEND, type Op } from '../driver.ts';
import { EAGAIN, FAILED_CLOSED, FAILED_NOT, type Failure } from '../errno.ts';
import { copyBytes } from '../limits.ts';
import type { Poller } from '../poller.ts';
import {
  BatchWaiter,
  DatagramReadWaiter,
  type Message,
  type Outgoing,
  ReceiveWaiter,
  SendWaiter,
} from '../waiters/datagram.ts';
import { FD } from './fd.ts';
import type { FDOwner } from './owner.ts';

/** ICMP errors that wait for somebody who receives. */
const MOST_PEER_ERRORS = 16;

/** What a DatagramFD asks of the connection above it. */
export interface DatagramOwner extends FDOwner {
  /** The sender of entry `i`: an object of the network's own. */
  sender(block: DatagramBlock, i: number): unknown;
  /** An ICMP error about one peer. */
  peerError(errno: number, peer: RawAddress): Error;
}

/**
 * A datagram socket with the locks, deadlines and ends of every FD. What one receive brings beyond the datagram that
 * was asked for waits for the next ones: most of them settle without a system call.
 */
export class DatagramFD extends FD implements Keeper {
  declare readonly owner: DatagramOwner;
  readonly datagrams: DatagramDriver;
  readonly batches: boolean;
  readonly #peerErrors: boolean;
  /** Entries [next, end) of this block are at hand. */
  #block: DatagramBlock;
  #next = 0;
  #end = 0;
  /** What sends were told of other peers, for whoever receives. */
  readonly #peers: { readonly errno: number; readonly address: RawAddress }[] = [];
  /** An error that came with nobody waiting, or behind datagrams of the same call. */
  #failed = 0;

  constructor(poller: Poller, slot: number, owner: DatagramOwner, peerErrors: boolean) {
    super(poller, slot, owner);
    this.datagrams = poller.driver.datagrams!;
    this.batches = poller.driver.capabilities.has('datagramBatch');
    this.#peerErrors = peerErrors;
    this.#block = this.datagrams.inbound;
  }

  // Datagrams at hand

  get atHand(): boolean {
    return this.#next < this.#end;
  }

  /** 0: at least one datagram is at hand. Else a negated errno. */
  fill(): number {
    if (this.#next < this.#end) return 0;
    if (this.#peers.length > 0) return -this.#peers[0]!.errno;
    if (this.#failed !== 0) {
      const failed = this.#failed;
      this.#failed = 0;
      return -failed;
    }
    if (!this.poller.driver.mayBeReadable(this.slot) || this.reading.busy) return -EAGAIN;
    const count = this.datagrams.tryReceive(this.slot, this.datagrams.inbound.count);
    if (count < 0) return count;
    this.arrived(count);
    return 0;
  }

  /** So many lie in the driver's block now. Nothing was at hand. */
  arrived(count: number): void {
    this.#block = this.datagrams.inbound;
    this.#next = 0;
    this.#end = count;
    this.#block.keepFor(this);
  }

  evicted(): void {
    if (this.closed) return;
    const kept = this.#block.copyOf(this.#next, this.#end);
    this.#end -= this.#next;
    this.#next = 0;
    this.#block = kept;
  }

  /** Copies the first datagram at hand into `p` as far as it fits: how much did. */
  takeInto(p: Uint8Array): number {
    const { words, data } = this.#block;
    const at = this.#next * D_SIZE;
    const left = words[at + D_LENGTH]!;
    const segment = words[at + D_SEGMENT]!;
    const offset = words[at + D_OFFSET]!;
    let length = left;
    if (segment > 0 && segment < left) {
      // The first of several: the others stay.
      length = segment;
      words[at + D_OFFSET] = offset + segment;
      words[at + D_LENGTH] = left - segment;
    } else if (++this.#next === this.#end) {
      this.#block.release(this);
    }
    const count = Math.min(p.length, length);
    if (count > 0) copyBytes(p, data, offset, count);
    return count;
  }

  /** Whether the first datagram at hand has more bytes than `room`. */
  #exceeds(room: number): boolean {
    const { words } = this.#block;
    const at = this.#next * D_SIZE;
    const segment = words[at + D_SEGMENT]!;
    if (segment < 0) return true;
    const length = words[at + D_LENGTH]!;
    return (segment > 0 && segment < length ? segment : length) > room;
  }

  /** The first datagram at hand, and who sent it. */
  takeFrom(p: Uint8Array): [number, unknown] {
    const from = this.owner.sender(this.#block, this.#next);
    return [this.takeInto(p), from];
  }

  /** As many as are there: how many, at least one. An error behind them is the next call's. */
  takeAll(messages: readonly Message[]): number {
    let taken = 0;
    while (taken < messages.length) {
      const result = this.fill();
      if (result < 0) {
        if (result !== -EAGAIN) this.#failed = -result;
        break;
      }
      while (taken < messages.length && this.#next < this.#end) {
        const message = messages[taken++]!;
        message.truncated = this.#exceeds(message.data.length);
        message.addr = this.owner.sender(this.#block, this.#next);
        message.length = this.takeInto(message.data);
      }
    }
    return taken;
  }

  override completed(op: Op, result: number, offset: number, more: boolean): void {
    if (op === OP_DATAGRAMS) this.reading.completed(op, result, offset, false);
    else if (op === OP_SEND) this.writer.completed(op, result, offset, false);
    else super.completed(op, result, offset, more);
  }

  // What nobody waited for

  override keep(op: number, result: number, offset: number): void {
    void op;
    void offset;
    if (result > 0 && !this.closed) this.arrived(result);
    else if (result < 0) this.#failed = -result;
  }

  override get kept(): number {
    return this.#end - this.#next;
  }

  // What ICMP messages say of single peers

  /** Takes what they said, for whoever receives. True: something. */
  toldOfPeer(): boolean {
    if (!this.#peerErrors) return false;
    const told = this.datagrams.takeError(this.slot);
    if (told === null) return false;
    if (this.#peers.length < MOST_PEER_ERRORS) this.#peers.push(told);
    const waiter = this.reading.head;
    if (waiter !== null) {
      this.reading.remove(waiter);
      waiter.fail(this, told.errno);
    }
    return true;
  }

  /** The error of a failed receive. */
  readError(failure: Failure): Error {
    const told =
      failure > 0 && this.#peerErrors ? (this.#peers.shift() ?? this.datagrams.takeError(this.slot)) : null;
    return told === null ? this.owner.error('read', failure) : this.owner.peerError(told.errno, told.address);
  }

  // Receiving

  receive(p: Uint8Array, signal: AbortSignal | undefined): Promise<[number, unknown]> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.reading.head === null) {
      const failure = this.readyToRead();
      if (failure === FAILED_NOT) return settledWith(this.takeFrom(p));
      if (failure !== EAGAIN) return Promise.reject(this.readError(failure));
    }
    return this.reading.park(new ReceiveWaiter(p), signal);
  }

  override read(p: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    // An empty buffer consumes nothing: as with any connection.
    if (p.length === 0) return super.read(p, signal) as Promise<number>;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.reading.head === null) {
      const failure = this.readyToRead();
      if (failure === FAILED_NOT) return settled(this.takeInto(p));
      if (failure !== EAGAIN) return Promise.reject(this.readError(failure));
    }
    return this.reading.park(new DatagramReadWaiter(p), signal);
  }

  receiveBatch(messages: readonly Message[], signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.reading.head === null) {
      const failure = this.readyToRead();
      if (failure === FAILED_NOT || (failure === EAGAIN && messages.length === 0)) {
        return settled(this.takeAll(messages));
      }
      if (failure !== EAGAIN) return Promise.reject(this.readError(failure));
    }
    return this.reading.park(new BatchWaiter(messages), signal);
  }

  /** FAILED_NOT: a datagram is at hand. EAGAIN: none. Else why there will be none. */
  readyToRead(): Failure {
    const failure = this.readFailure();
    return failure === FAILED_NOT ? -this.fill() : failure;
  }

  // Sending

  send(p: Uint8Array, to: RawAddress | null, signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.writer.head === null) {
      const failure = this.takeWriteFailure();
      if (failure !== FAILED_NOT)
        return Promise.reject(this.owner.error('write', failure, { destination: to }));
      const result = this.sendNow(p, to);
      if (result >= 0) return settled(result);
      if (result !== -EAGAIN) return Promise.reject(this.owner.error('write', -result, { destination: to }));
    }
    return this.#queue(new SendWaiter([{ p, length: p.length, to }], false), signal);
  }

  sendBatch(outgoing: readonly Outgoing[], signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    return this.#queue(new SendWaiter(outgoing, true), signal);
  }

  #queue(waiter: SendWaiter, signal: AbortSignal | undefined): Promise<number> {
    if (this.closed) return Promise.reject(this.owner.error('write', FAILED_CLOSED));
    return this.writer.attemptOrPark(waiter, signal);
  }

  /** The bytes that went, or a negated errno. */
  sendNow(p: Uint8Array, to: RawAddress | null): number {
    const result = this.datagrams.trySend(this.slot, p, to);
    if (result >= 0 || !this.#peerErrors || !this.toldOfPeer()) return result;
    return this.attempt(() => this.datagrams.trySend(this.slot, p, to));
  }

  /** Sends until that fails for a reason of its own. */
  attempt(send: () => number): number {
    let result = send();
    for (let i = 0; i < MOST_PEER_ERRORS && result < 0 && result !== -EAGAIN && this.toldOfPeer(); i++) {
      result = send();
    }
    return result;
  }
}
