import { spend } from '../runtime/budget.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { type Parked, park } from '../runtime/park.ts';
import { settled, settledRead, settledVoid } from '../runtime/settled.ts';
import type { RawAddress } from './datagram-driver.ts';
import {
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DRAIN,
  OP_FETCH,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_STREAM,
  OP_WRITABLE,
  type Op,
} from './driver.ts';
import {
  EAGAIN,
  ECANCELED,
  ECONNRESET,
  EMSGSIZE,
  EPIPE,
  FAILED_CLOSED,
  FAILED_DEADLINE,
  FAILED_MOVED,
  FAILED_NOT,
  FAILED_UNSENT,
  type Failure,
} from './errno.ts';
import { IOWait } from './io-wait.ts';
import { copyBytes, copyOf, DIRECT_SIZE, OUTBOUND_BOUND, SMALLEST_RECEIVE } from './limits.ts';
import { type Moved, sharedClockOffset } from './moved.ts';
import { PollDesc } from './poll-desc.ts';
import type { Poller, SlotOwner } from './poller.ts';
import { AcceptWaiter, EmptyReadWaiter, ListenWaiter, ReadableWaiter, ReadWaiter } from './read-waiters.ts';
import type { TransferWaiter } from './transfer-waiter.ts';
import { VectorWaiter } from './vector-waiter.ts';
import type { Waiter } from './waiter.ts';
import { CloseWaiter, ConnectWaiter, DrainWaiter, WriteWaiter } from './write-waiters.ts';

/** Whose an accepted slot is from now on. */
export interface SlotTaker {
  /** Makes a connection of an accepted slot. */
  accepted(slot: number): unknown;
}

/** What an FD asks of the connection or listener above it. */
export interface FDOwner extends SlotTaker {
  /** The error of a failed operation, with network and addresses. */
  error(op: string, failure: Failure, counts?: Counts): Error;
  /** What an aborted write rejects with: the signal's reason, unless bytes have gone already. */
  aborted(reason: unknown, bytesWritten: number): unknown;
  /** What an interest `stream` brought, or `OP_FETCH`. */
  streamed?(op: Op, result: number, offset: number): void;
  /** The kernel refused what was outbound for good. */
  broken?(errno: number): void;
}

/** How far a failed operation got. */
export interface Counts {
  readonly bytesWritten?: number;
  readonly bytesUnsent?: number;
  readonly datagramsSent?: number;
  /** Whom the datagram that failed was for, where the socket has no peer of its own. */
  readonly destination?: RawAddress | null;
}

const CLOSED = 1 << 0;
const READ_SHUT = 1 << 1;
const WRITE_SHUT = 1 << 2;
/** closeWrite was called: earlier writes still go, new ones do not. */
const SHUTTING = 1 << 7;
/** The peer reset the connection, and a send was told: a later end of the stream is not an orderly one. */
const RESET = 1 << 3;
const STRICT = 1 << 4;
/** Linger 0: close discards what is unsent. */
const DISCARD = 1 << 5;
/** The driver has been told to close. */
const DESTROYED = 1 << 6;

/** Messages with bounds: nothing is staged, and nothing is received ahead of its reader. */
const PACKETS = 1 << 8;
/** Closed for us because it was detached. */
const MOVED = 1 << 9;
/** A pipe: nothing is staged, each write goes to the kernel itself. */
const UNSTAGED = 1 << 10;
/** What stays true in another thread. */
const TRAVELLING = READ_SHUT | WRITE_SHUT | RESET | STRICT | DISCARD | PACKETS;

/** A connection's failed flush: told once, with its count, and from then on every write fails with its errno. */
interface Fault {
  readonly errno: number;
  bytesUnsent: number;
  told: boolean;
}

/** What few descriptors ever need: fields that the others do without. */
class Rare {
  fault: Fault | null = null;
  /** The errno of a receive whose caller had gone: the kernel tells it once, and then shows an orderly end. */
  failed = 0;
  /** Accepted for a caller who had gone. */
  readonly accepted: number[] = [];
  readonly shutdowns: ((result: number) => void)[] = [];
  closeRead: Promise<void> | null = null;
  closeWrite: Promise<void> | null = null;
  closing: Parked<void> | null = null;
  /** Bytes that `close` had to give up. */
  unsent = 0;
}

/**
 * A descriptor with Go's semantics: one lock and one deadline per direction, whole writes, close that wakes everybody.
 *
 * The common cases settle at once, with a promise that existed before: a read of bytes at hand, a write into the
 * outbound chain. Everything else parks in one of the two `PollDesc`s.
 */
export class FD implements SlotOwner {
  readonly poller: Poller;
  readonly slot: number;
  readonly owner: FDOwner;
  readonly reading: PollDesc;
  /** Made for the first call that has to wait, or the first deadline. */
  #writing: PollDesc | null = null;
  #flags = 0;
  /** Bytes that were received and did not fit the reader's buffer. */
  #inbound: Uint8Array | null = null;
  #rare: Rare | null = null;

  constructor(poller: Poller, slot: number, owner: FDOwner) {
    this.poller = poller;
    this.slot = slot;
    this.owner = owner;
    this.reading = new PollDesc(this, false);
    poller.add(this);
  }

  /** The writing direction. */
  get writer(): PollDesc {
    this.#writing ??= new PollDesc(this, true);
    return this.#writing;
  }

  private get some(): Rare {
    this.#rare ??= new Rare();
    return this.#rare;
  }

  get closed(): boolean {
    return (this.#flags & CLOSED) !== 0;
  }

  /** Why calls on a closed one fail. */
  get closure(): Failure {
    return this.#flags & MOVED ? FAILED_MOVED : FAILED_CLOSED;
  }

  /** Whether writes settle only when the kernel has accepted them. */
  get strict(): boolean {
    return (this.#flags & STRICT) !== 0;
  }

  setStrict(): void {
    this.#flags |= STRICT;
  }

  /** Whether every write is a message of its own. */
  get packets(): boolean {
    return (this.#flags & PACKETS) !== 0;
  }

  setPackets(): void {
    this.#flags |= PACKETS;
  }

  /** Whether writes go straight to the kernel, however small. */
  get unstaged(): boolean {
    return (this.#flags & UNSTAGED) !== 0;
  }

  setUnstaged(): void {
    this.#flags |= UNSTAGED;
  }

  setDiscard(on: boolean): void {
    this.#flags = on ? this.#flags | DISCARD : this.#flags & ~DISCARD;
  }

  /** All that are parked here, for the dump: with their place in the queue of their direction. */
  *parked(): Generator<[waiter: Waiter, place: number]> {
    for (const desc of [this.reading, this.#writing]) {
      let place = 0;
      for (let waiter = desc?.head ?? null; waiter !== null; waiter = waiter.next, place++) {
        if (!waiter.elsewhere) yield [waiter, place];
      }
    }
  }

  *waits(): Generator<IOWait> {
    for (const [waiter, place] of this.parked()) yield new IOWait(this, waiter, place);
  }

  completed(op: Op, result: number, offset: number, more: boolean): void {
    switch (op) {
      case OP_STREAM:
      case OP_FETCH:
        this.owner.streamed!(op, result, offset);
        break;
      case OP_RECV:
      case OP_READABLE:
      case OP_ACCEPT:
      case OP_LISTEN:
        this.reading.completed(op, result, offset, more);
        break;
      case OP_WRITABLE:
      case OP_DRAIN:
      case OP_CONNECT:
        this.writer.completed(op, result, offset, false);
        break;
      case OP_SHUTDOWN:
        this.shutdownCompleted(result);
        break;
      case OP_CLOSE:
        this.closeCompleted(result);
        break;
    }
  }

  // Reading

  read(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.reading.head === null) {
      const failure = this.readFailure();
      if (failure !== FAILED_NOT && (p.length > 0 || this.closed)) {
        return Promise.reject(this.owner.error('read', failure));
      }
      if (p.length === 0) return settled(0);
      const result = this.receiveNow(p);
      if (result >= 0) return settledRead(result === 0 ? null : result);
      if (result !== -EAGAIN) return Promise.reject(this.owner.error('read', -result));
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

  readFailure(): Failure {
    if (this.#flags & CLOSED) return this.closure;
    return this.reading.expired ? FAILED_DEADLINE : FAILED_NOT;
  }

  /** Receives without waiting: the count, 0 at the end, or a negated errno. `p` is not empty. */
  receiveNow(p: Uint8Array): number {
    const inbound = this.#inbound;
    if (inbound !== null) {
      const count = Math.min(p.length, inbound.length);
      copyBytes(p, inbound, 0, count);
      this.#inbound = count === inbound.length ? null : inbound.subarray(count);
      return count;
    }
    const driver = this.poller.driver;
    if (!driver.mayBeReadable(this.slot) || this.reading.busy) return -EAGAIN;
    if (this.packets || (p.length >= DIRECT_SIZE && driver.capabilities.has('direct'))) {
      return this.endOrReset(driver.tryReceiveInto(this.slot, p, 0, p.length));
    }
    const received = driver.tryReceive(this.slot, Math.max(p.length, SMALLEST_RECEIVE));
    return received > 0 ? this.deliver(p, driver.receivedAt, received) : this.endOrReset(received);
  }

  /** Moves received bytes from the driver's slab to the reader; what does not fit is kept for the next one. */
  deliver(p: Uint8Array, offset: number, received: number): number {
    const slab = this.poller.driver.slab;
    const count = Math.min(received, p.length);
    copyBytes(p, slab, offset, count);
    if (count < received) this.keepInbound(copyOf(slab, offset + count, offset + received));
    return count;
  }

  /** After a reset that a send was told of, the kernel shows readers an orderly end: it is none. */
  endOrReset(result: number): number {
    if (result !== 0) return result;
    const failed = this.#rare?.failed ?? 0;
    if (failed !== 0) {
      this.some.failed = 0;
      return -failed;
    }
    return this.#flags & RESET ? -ECONNRESET : 0;
  }

  hasSomethingToRead(): boolean {
    if (this.#inbound !== null) return true;
    const driver = this.poller.driver;
    return driver.mayBeReadable(this.slot) && !this.reading.busy && driver.peek(this.slot) !== -EAGAIN;
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

  acceptNow(): number {
    const kept = this.#rare?.accepted.shift();
    if (kept !== undefined) return kept;
    const driver = this.poller.driver;
    return driver.mayBeReadable(this.slot) ? driver.tryAccept(this.slot) : -EAGAIN;
  }

  /** A completion whose caller has gone, or never was: its bytes or its connection are the next caller's. */
  keep(op: Op, result: number, offset: number): void {
    if (op === OP_RECV && result > 0) {
      const slab = this.poller.driver.slab;
      this.keepInbound(copyOf(slab, offset, offset + result));
    } else if (op === OP_RECV && result < 0) {
      this.some.failed = -result;
    } else if (op === OP_ACCEPT && result >= 0) {
      if (this.closed) this.poller.driver.close(result);
      else this.some.accepted.push(result);
    }
  }

  /** How much waits here unread: beyond a bound a multishot operation must stop. */
  get kept(): number {
    return this.#inbound?.length ?? this.#rare?.accepted.length ?? 0;
  }

  /** Bytes that were received and that nobody has read. */
  get inbound(): Uint8Array | null {
    return this.#inbound;
  }

  /** The first `count` of them went another way. */
  consumeInbound(count: number): void {
    const inbound = this.#inbound!;
    this.#inbound = count === inbound.length ? null : inbound.subarray(count);
  }

  get mayBeReadable(): boolean {
    return this.poller.driver.mayBeReadable(this.slot);
  }

  private keepInbound(bytes: Uint8Array): void {
    if ((this.#flags & (CLOSED | MOVED)) === CLOSED) return;
    if (this.#inbound === null) {
      this.#inbound = bytes;
      return;
    }
    const both = new Uint8Array(this.#inbound.length + bytes.length);
    both.set(this.#inbound);
    both.set(bytes, this.#inbound.length);
    this.#inbound = both;
  }

  // Writing

  write(p: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.#writing === null || this.#writing.head === null) {
      const failure = this.takeWriteFailure();
      if (failure !== FAILED_NOT) return Promise.reject(this.writeError(failure));
      if (this.#flags & SHUTTING) return Promise.reject(this.writeError(EPIPE));
      if (this.stageNow(p)) return settled(p.length);
    }
    return this.refused() ?? this.writer.attemptOrPark(new WriteWaiter(this, p), signal);
  }

  /** All of `buffers`, in one piece among other writes; the array is ours. */
  writeVector(buffers: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<number> {
    if (this.packets) return this.write(new Uint8Array(Buffer.concat(buffers)), signal);
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    let length = 0;
    for (const buffer of buffers) length += buffer.length;
    if (this.#writing === null || this.#writing.head === null) {
      const failure = this.takeWriteFailure();
      if (failure !== FAILED_NOT) return Promise.reject(this.writeError(failure));
      if (this.#flags & SHUTTING) return Promise.reject(this.writeError(EPIPE));
      if (this.stageVectorNow(buffers, length)) return settled(length);
    }
    return this.refused() ?? this.writer.attemptOrPark(new VectorWaiter(this, buffers, length), signal);
  }

  private stageVectorNow(buffers: readonly Uint8Array[], length: number): boolean {
    const { driver } = this.poller;
    if (length >= DIRECT_SIZE || this.#flags & STRICT) return false;
    if (driver.outboundLength(this.slot) + length > OUTBOUND_BOUND) return false;
    for (const buffer of buffers) if (buffer.length > 0) driver.stage(this.slot, buffer, 0, buffer.length);
    return true;
  }

  /** Who comes too late must not queue behind a thread that is still busy. */
  private refused(): Promise<never> | null {
    if (this.closed) return Promise.reject(this.writeError(this.closure));
    return this.#flags & SHUTTING ? Promise.reject(this.writeError(EPIPE)) : null;
  }

  /** Has the writing side to itself until the transfer is through. */
  transfer(waiter: TransferWaiter): Promise<void> {
    return this.refused() ?? this.writer.attemptOrPark(waiter, undefined);
  }

  /** Whether all of `p` went into the chain. False: no room, or somebody else is writing; nothing was taken. */
  tryWrite(p: Uint8Array): boolean {
    if (this.#writing !== null && this.#writing.head !== null) return false;
    const failure = this.takeWriteFailure();
    if (failure !== FAILED_NOT) throw this.writeError(failure);
    if (this.#flags & SHUTTING) throw this.writeError(EPIPE);
    const { driver } = this.poller;
    if (this.packets) return this.sendMessage(p);
    if (driver.outboundLength(this.slot) + p.length > OUTBOUND_BOUND) return false;
    if (p.length > 0) driver.stage(this.slot, p, 0, p.length);
    return true;
  }

  /** One message, or nothing of it. */
  private sendMessage(p: Uint8Array): boolean {
    const sent = this.poller.driver.trySend(this.slot, p, 0, p.length);
    if (sent >= 0) return true;
    if (sent === -EAGAIN) return false;
    if (sent !== -EMSGSIZE) this.faulted(-sent, 0);
    throw this.writeError(-sent);
  }

  private writeError(failure: Failure): Error {
    return this.owner.error('write', failure, { bytesWritten: 0, ...this.takeUnsent() });
  }

  /** Whether something may be staged right now: nobody waits to write, nothing has failed, and it need not be in the kernel. */
  get mayStage(): boolean {
    if (this.#writing !== null && (this.#writing.head !== null || this.#writing.expired)) return false;
    if (this.#flags & (CLOSED | STRICT | SHUTTING | WRITE_SHUT)) return false;
    return this.#rare === null || this.#rare.fault === null;
  }

  /** The hit path of a small write. */
  private stageNow(p: Uint8Array): boolean {
    const { driver } = this.poller;
    const length = p.length;
    if (length >= DIRECT_SIZE || this.#flags & (STRICT | PACKETS | UNSTAGED)) return false;
    if (driver.outboundLength(this.slot) + length > OUTBOUND_BOUND) return false;
    if (length > 0) driver.stage(this.slot, p, 0, length);
    return true;
  }

  /** Why nothing can be written. A fault is told with its count: see `takeUnsent`. */
  takeWriteFailure(): Failure {
    if (this.#flags & CLOSED) return this.closure;
    const fault = this.#rare?.fault;
    if (fault !== null && fault !== undefined) return fault.errno;
    if (this.#flags & WRITE_SHUT) return EPIPE;
    return this.#writing?.expired ? FAILED_DEADLINE : FAILED_NOT;
  }

  /** Why nothing new can be written: what was begun before `closeWrite` still goes. */
  writeRefusal(): Failure {
    const failure = this.takeWriteFailure();
    return failure === FAILED_NOT && this.#flags & SHUTTING ? EPIPE : failure;
  }

  /** The count of a fault, for the one error that tells it. */
  takeUnsent(): { bytesUnsent?: number } {
    const fault = this.#rare?.fault;
    if (fault === null || fault === undefined || fault.told) return {};
    fault.told = true;
    return { bytesUnsent: fault.bytesUnsent };
  }

  /** The kernel refused for good: what was outbound is lost, and nothing more can be sent. */
  faulted(errno: number, bytesUnsent: number): void {
    if (errno === ECONNRESET) this.#flags |= RESET;
    const rare = this.some;
    rare.fault ??= { errno, bytesUnsent: 0, told: true };
    rare.fault.bytesUnsent += bytesUnsent;
    if (bytesUnsent > 0) rare.fault.told = false;
    this.owner.broken?.(errno);
  }

  flush(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.closed) {
      return Promise.reject(this.owner.error('flush', this.closure, this.takeUnsent()));
    }
    return this.writer.attemptOrPark(new DrainWaiter('flush'), signal);
  }

  connected(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    return this.writer.park(new ConnectWaiter(), signal);
  }

  // Changing threads

  /**
   * Gives the descriptor away, with all that belongs to it: new calls and whoever waits fail with FAILED_MOVED.
   * Rejects with a negated errno when that cannot be: then it is closed. Only where the driver has `leases`.
   */
  async leave(): Promise<Moved | number> {
    const { driver } = this.poller;
    this.#flags |= CLOSED | MOVED;
    driver.hold();
    this.reading.failAll(FAILED_MOVED);
    this.#writing?.failAll(FAILED_MOVED);
    // What is in flight comes first: a receive that was faster, a thread that still sends.
    await this.reading.whenFree();
    await this.#writing?.whenFree();
    await Promise.allSettled([this.#rare?.closeRead, this.#rare?.closeWrite]);
    driver.flushNow(this.slot);
    // A fault of this very flush is told a little later.
    await null;
    const readDeadline = this.reading.deadline;
    const writeDeadline = this.#writing?.deadline ?? 0;
    const offset = sharedClockOffset(now());
    const leases = driver.leases!;
    const outbound = leases.takeOutbound(this.slot);
    const received = leases.takeInbound(this.slot);
    if (received !== null) this.keepInbound(received);
    const failed = leases.takeError(this.slot) || (this.#rare?.failed ?? 0);
    const lease = leases.lease(this.slot);
    driver.release();
    if (typeof lease === 'number') {
      this.destroy();
      return lease;
    }
    this.#flags |= DESTROYED;
    this.reading.disarm();
    this.#writing?.disarm();
    this.poller.remove(this);
    const inbound = this.#inbound;
    this.#inbound = null;
    const { fault = null } = this.#rare ?? {};
    return {
      lease,
      // Copied: it may be a small part of a large memory, all of which would be cloned.
      inbound: inbound?.slice() ?? null,
      outbound,
      flags: this.#flags & TRAVELLING,
      failed,
      fault: fault === null ? null : { ...fault },
      readDeadline: readDeadline === 0 ? 0 : readDeadline + offset,
      writeDeadline: writeDeadline === 0 ? 0 : writeDeadline + offset,
    };
  }

  /** Of an FD whose slot was just adopted: goes on where the other thread has left off. */
  arrive(moved: Moved): void {
    const { inbound, outbound, flags, failed, fault, readDeadline, writeDeadline } = moved;
    this.#flags |= flags & TRAVELLING;
    if (inbound !== null && inbound.length > 0) this.#inbound = inbound;
    if (failed !== 0) this.some.failed = failed;
    if (fault !== null) this.some.fault = { ...fault };
    if (outbound !== null && outbound.length > 0 && fault === null) {
      // In pieces: from an event loop it may be more than a driver's memory takes in one.
      for (let at = 0; at < outbound.length; at += OUTBOUND_BOUND) {
        this.poller.driver.stage(this.slot, outbound, at, Math.min(at + OUTBOUND_BOUND, outbound.length));
      }
    }
    const offset = sharedClockOffset(now());
    if (readDeadline !== 0) this.reading.setDeadline(readDeadline - offset);
    if (writeDeadline !== 0) this.writer.setDeadline(writeDeadline - offset);
  }

  // Closing

  /** Any number of times: it happens once. */
  closeWrite(): Promise<void> {
    if (this.closed) return Promise.reject(this.owner.error('close', this.closure));
    const rare = this.some;
    this.#flags |= SHUTTING;
    // Whom the deadline strikes while the chain drains may try again.
    const failed = (error: unknown) => {
      rare.closeWrite = null;
      throw error;
    };
    rare.closeWrite ??= this.writer
      .attemptOrPark(new DrainWaiter('close'), undefined)
      .catch(failed)
      .then(() => this.shutdown('write', WRITE_SHUT));
    return rare.closeWrite;
  }

  closeRead(): Promise<void> {
    if (this.closed) return Promise.reject(this.owner.error('close', this.closure));
    const rare = this.some;
    rare.closeRead ??= this.shutdown('read', READ_SHUT);
    return rare.closeRead;
  }

  private async shutdown(how: 'read' | 'write', flag: number): Promise<void> {
    if (this.closed) throw this.owner.error('close', this.closure);
    this.#flags |= flag;
    const result = await new Promise<number>((resolve) => {
      this.some.shutdowns.push(resolve);
      this.poller.driver.shutdown(this.slot, how);
    });
    if (result < 0 && result !== -ECANCELED) throw this.owner.error('close', -result);
  }

  shutdownCompleted(result: number): void {
    this.some.shutdowns.shift()!(result);
  }

  /**
   * Fails new calls, wakes everybody, hands the chain to the kernel and waits at most `timeout` ms for it to take
   * the rest. Resolves when the descriptor is closed.
   */
  close(timeout: number): Promise<void> {
    if (this.closed) return Promise.reject(this.owner.error('close', this.closure));
    const driver = this.poller.driver;
    const until = now() + timeout;
    const deadline = this.#writing?.deadline ?? 0;
    this.wakeAll();
    const closing = { resolve: () => {}, reject: () => {} } as Parked<void>;
    this.some.closing = closing;
    const promise = park<void>(closing);
    driver.hold();
    if (this.#flags & DISCARD) {
      this.destroy();
      return promise;
    }
    driver.flushNow(this.slot);
    if (driver.outboundLength(this.slot) === 0) {
      this.destroy();
      return promise;
    }
    this.writer.setDeadline(deadline === 0 ? until : Math.min(deadline, until));
    this.writer.park<Failure>(new CloseWaiter(), undefined).then((failure) => {
      if (this.#flags & DESTROYED) return;
      if (failure !== FAILED_NOT) this.some.unsent = driver.outboundLength(this.slot);
      this.destroy();
    });
    if (this.writer.expired) this.writer.failAll(FAILED_DEADLINE);
    return promise;
  }

  /** Closes at once, and flushes nothing. After `close` it cuts that one short. */
  closeNow(): void {
    if (this.#flags & (DESTROYED | MOVED)) return;
    if (this.closed) this.some.unsent = this.poller.driver.outboundLength(this.slot);
    this.wakeAll();
    this.destroy();
  }

  private wakeAll(): void {
    this.#flags |= CLOSED;
    this.reading.failAll(FAILED_CLOSED);
    this.#writing?.failAll(FAILED_CLOSED);
    for (const slot of this.#rare?.accepted.splice(0) ?? []) this.poller.driver.close(slot);
    this.#inbound = null;
  }

  private destroy(): void {
    this.#flags |= DESTROYED;
    this.reading.disarm();
    this.#writing?.disarm();
    this.poller.driver.close(this.slot);
  }

  closeCompleted(result: number): void {
    const rare = this.#rare;
    const closing = rare?.closing;
    if (rare === null || closing === null || closing === undefined) return;
    rare.closing = null;
    this.poller.driver.release();
    const unsent = this.takeUnsent();
    if (rare.unsent > 0) {
      closing.reject(this.owner.error('close', FAILED_UNSENT, { bytesUnsent: rare.unsent }));
    } else if (unsent.bytesUnsent !== undefined) {
      closing.reject(this.owner.error('close', rare.fault!.errno, unsent));
    } else if (result < 0) {
      closing.reject(this.owner.error('close', -result));
    } else {
      closing.resolve();
    }
  }
}
