import {
  type Capability,
  type ConnectSocketOptions,
  OP_CLOSE,
  OP_CONNECT,
  OP_FETCH,
  OP_READABLE,
  OP_RECV,
  OP_STREAM,
} from '../../driver.ts';
import { EAGAIN, ECANCELED, EINVAL, ENOBUFS } from '../../errno.ts';
import { SPLICE_FULL, SPLICE_MORE, SPLICE_TO_FAILED, type Splice, type SpliceOutcome } from '../../splice.ts';
import { CAPABILITIES } from '../epoll/capabilities.ts';
import { EpollDriver } from '../epoll/driver.ts';
import {
  F_CONNECTING,
  F_PEER_CLOSED,
  F_READABLE,
  F_RING,
  F_STREAM,
  F_WANT_READABLE,
  F_WANT_RECV,
  F_WANT_WRITABLE,
  F_WRITABLE,
  S_FD,
  S_FLAGS,
  S_GENERATION,
  S_STREAMED_IN,
  S_WANT,
  SharedMemory,
  type Sizes,
  SLOT_SIZE,
} from '../epoll/layout.ts';
import type { Native } from '../epoll/native.ts';
import {
  CQE_BUFFER,
  CQE_MORE,
  OP_ASYNC_CANCEL,
  OP_NOP,
  OP_POLL_ADD,
  Q_ADDRESS,
  Q_ADDRESS_HIGH,
  Q_BUFFER_GROUP,
  Q_LENGTH,
  Q_MULTISHOT_LIMIT,
  Q_OP_FLAGS,
  RECV_MULTISHOT,
  SQE_BUFFER_SELECT,
  SQE_CQE_SKIP_SUCCESS,
  OP_RECV as SUBMIT_RECV,
} from './abi.ts';
import { type BufferSizes, ProvidedBuffers } from './buffers.ts';
import { Inbound, OPEN } from './inbound.ts';
import type { Refusal, Ring, RingUser } from './ring.ts';

/** What a completion is of: in its id, above the slot. */
const KIND_SHIFT = 20;
const SLOT_MASK = (1 << KIND_SHIFT) - 1;
const RECEIVE = 0;
const POLL_IN = 1;
const POLL_OUT = 2;
const CANCEL = 3;
const AGAIN = 4;

/** What of a slot the kernel has. */
const RECEIVING = 1 << RECEIVE;
const POLLING_IN = 1 << POLL_IN;
const POLLING_OUT = 1 << POLL_OUT;
const IN_KERNEL = RECEIVING | POLLING_IN | POLLING_OUT;
/** A cancel of what receives has been submitted. */
const STOPPING = 1 << 4;
/** Closes when the kernel has let go. */
const CLOSING = 1 << 5;
/** There is an inbound. */
const AHEAD = 1 << 6;
/** Bytes go from here to another descriptor inside the kernel: nothing is received ahead. */
const SPLICED = 1 << 7;

const POLLIN = 1;
const POLLOUT = 4;
const POLLRDHUP = 0x2000;

const GROUP = 0;
/** Bytes that may wait for a reader who has not asked for them: beyond that the kernel is told to stop. */
const MOST_AHEAD = 64 * 1024;
const SMALLEST_RECV = 4096;

/** What has happened that a program does not see. */
export interface UringCounts {
  /** Completions for an owner of a slot who had gone. */
  stale: number;
  /** How often the kernel had no buffer left. */
  starved: number;
  /** Receives that were stopped because their reader was too slow. */
  stopped: number;
}

/**
 * io_uring for connections, epoll for everything else. A connection is received into provided buffers by a multishot
 * receive that goes on from read to read; epoll keeps listeners, datagrams, packets and pipes, and all that is one
 * system call in its own right is that here, too: see `EpollDriver`, whose slots, words and chains these are.
 */
export class UringDriver extends EpollDriver implements RingUser {
  override readonly name: string = 'uring';
  override readonly capabilities: ReadonlySet<Capability> = new Set<Capability>([...CAPABILITIES, 'ahead']);
  readonly ring: Ring;
  readonly buffers: ProvidedBuffers;
  readonly counts: UringCounts = { stale: 0, starved: 0, stopped: 0 };
  /** By which the ring knows its submissions. */
  readonly tag: number;
  /** Of each slot: what the kernel has. */
  readonly #states: Uint8Array;
  readonly #inbound = new Map<number, Inbound>();
  /** Slots for whom something is there, and no completion will tell. */
  #again = new Set<number>();
  /** Slots that want to receive, and there was no buffer. */
  #starved = new Set<number>();
  #batch = 0;
  /** Whether the kernel takes a limit for what a multishot receive may bring. */
  #limited = true;

  private constructor(native: Native, memory: SharedMemory, ring: Ring, buffers: ProvidedBuffers) {
    super(native, memory);
    this.ring = ring;
    this.tag = ring.join(this);
    this.#states = new Uint8Array(this.slotCount);
    this.buffers = buffers;
  }

  /** The driver of this thread, on a ring that no other driver has; or what the kernel refused it. */
  static on(ring: Ring, native: Native, sizes: Sizes, shapes: BufferSizes): UringDriver | Refusal {
    const memory = new SharedMemory({ ...sizes, own: ProvidedBuffers.room(shapes) });
    const buffers = ProvidedBuffers.register(ring, GROUP, memory.slab, memory.outLimit, shapes);
    return buffers instanceof ProvidedBuffers ? new UringDriver(native, memory, ring, buffers) : buffers;
  }

  override start(receiver: Parameters<EpollDriver['start']>[0]): void {
    super.start(receiver);
    this.native.ringConnections();
  }

  /** Bytes that have been received, and that nobody has asked for yet. */
  get ahead(): number {
    let total = 0;
    for (const { length } of this.#inbound.values()) total += length;
    return total;
  }

  // Opening

  override connect(
    host: string,
    port: number,
    local: { host: string; port: number } | null,
    options?: ConnectSocketOptions,
  ): number {
    const slot = super.connect(host, port, local, options);
    if (slot >= 0) this.#poll(slot, POLL_OUT, POLLOUT);
    return slot;
  }

  /** A Unix socket, whose connect is under way. */
  protected override connecting(slot: number): void {
    if (this.#isOurs(slot)) this.#poll(slot, POLL_OUT, POLLOUT);
  }

  // Receiving

  override recv(slot: number, wanted: number): void {
    if (!this.#isOurs(slot)) {
      super.recv(slot, wanted);
      return;
    }
    this.#states[slot]! &= ~SPLICED;
    this.words[this.base(slot) + S_WANT] = wanted;
    super.want(slot, F_WANT_RECV);
    this.#expect(slot);
  }

  override readable(slot: number): void {
    if (!this.#isOurs(slot)) {
      super.readable(slot);
      return;
    }
    super.want(slot, F_WANT_READABLE);
    if (this.#states[slot]! & AHEAD) this.attempt(slot, () => this.#deliver(slot));
    else this.#watch(slot);
  }

  override stream(slot: number, wanted: number): void {
    if (!this.#isOurs(slot)) {
      super.stream(slot, wanted);
      return;
    }
    const { words } = this;
    const base = this.base(slot);
    words[base + S_WANT] = wanted;
    if (wanted === 0) {
      words[base + S_FLAGS]! &= ~F_STREAM;
      this.#stop(slot);
      return;
    }
    this.#states[slot]! &= ~SPLICED;
    words[base + S_FLAGS]! |= F_STREAM;
    if (this.#states[slot]! & AHEAD) this.#tellAgain(slot);
    else this.#receive(slot);
  }

  /** With nothing under way nobody knows: then the answer is on its way from here on. */
  override mayBeReadable(slot: number): boolean {
    const flags = this.words[this.memory.slots + slot * SLOT_SIZE + S_FLAGS]!;
    if (flags & F_READABLE) return true;
    if (flags & F_RING && !(this.#states[slot]! & (RECEIVING | POLLING_IN | CLOSING))) this.#watch(slot);
    return false;
  }

  override peek(slot: number): number {
    const inbound = this.#ahead(slot);
    if (inbound !== undefined) return inbound.length > 0 ? 1 : inbound.end;
    return this.#states[slot]! & RECEIVING ? -EAGAIN : super.peek(slot);
  }

  override tryReceive(slot: number, most: number): number {
    const inbound = this.#ahead(slot);
    if (inbound === undefined) {
      return this.#mayReceive(slot) ? this.#received(slot, super.tryReceive(slot, most)) : -EAGAIN;
    }
    if (inbound.length === 0) return this.#takeEnd(slot, inbound);
    const count = inbound.take(most);
    this.receivedAt = inbound.offset;
    // The kernel fills it again at the next call of it, and not before.
    this.buffers.release(inbound.offset, count);
    this.#took(slot, inbound);
    return count;
  }

  override tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number {
    const inbound = this.#ahead(slot);
    if (inbound === undefined) {
      return this.#mayReceive(slot) ? this.#received(slot, super.tryReceiveInto(slot, p, from, to)) : -EAGAIN;
    }
    if (inbound.length === 0) return this.#takeEnd(slot, inbound);
    const count = inbound.copyTo(p, from, to);
    this.#took(slot, inbound);
    return count;
  }

  override trySplice(from: number, to: number, most: number, splice: Splice): SpliceOutcome {
    if (from >= 0 && most > 0 && splice.held === 0 && this.#isOurs(from)) {
      this.#states[from]! |= SPLICED;
      this.#quiesce(from, RECEIVING);
      const inbound = this.#inbound.get(from);
      if (inbound !== undefined && inbound.length > 0) return this.#passOn(from, inbound, to, most, splice);
      if (inbound !== undefined && inbound.end < 0) this.peeked.set(from, this.#takeEnd(from, inbound));
    }
    return super.trySplice(from, to, most, splice);
  }

  override poll(): boolean {
    if (this.ring.reaping || this.dispatching) return true;
    super.poll();
    this.ring.submit();
    this.ring.reap(true);
    return true;
  }

  // Completions

  batch(): void {
    this.#batch = (this.#batch + 1) & 0x7fff_ffff;
    this.receiver.round();
    if (this.#starved.size > 0) this.#feed();
  }

  /** Bytes keep their order, of a buffer as of a connection: they are taken in when they come, and told in their turn. */
  early(id: number, generation: number, result: number, flags: number): boolean {
    if (id >> KIND_SHIFT !== RECEIVE) return false;
    const slot = id & SLOT_MASK;
    if (this.#take(slot, generation, result, flags)) this.#tellAgain(slot);
    return true;
  }

  completed(id: number, generation: number, result: number, flags: number): void {
    const slot = id & SLOT_MASK;
    switch (id >> KIND_SHIFT) {
      case RECEIVE:
        if (result > 0 && this.#pass(slot, generation, result, flags)) break;
        if (this.#take(slot, generation, result, flags)) this.#deliver(slot);
        break;
      case POLL_IN:
        if (!this.#letGo(slot, generation, POLLING_IN)) break;
        this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
        if (result !== -ECANCELED) this.completeWanted(slot, F_WANT_READABLE, OP_READABLE, 0, 0);
        // Cancelled for a wait that has ended, when there was another already.
        else if (this.words[this.base(slot) + S_FLAGS]! & F_WANT_READABLE) this.readable(slot);
        break;
      case POLL_OUT:
        if (this.#letGo(slot, generation, POLLING_OUT)) this.#mayWrite(slot, generation);
        break;
      case AGAIN: {
        const slots = this.#again;
        this.#again = new Set();
        for (const again of slots) this.#deliver(again);
        if (this.#starved.size > 0) this.#feed();
        break;
      }
    }
  }

  // What the driver of epoll leaves to us

  protected override want(slot: number, flag: number): void {
    super.want(slot, flag);
    if (flag === F_WANT_WRITABLE && this.#isOurs(slot)) this.#poll(slot, POLL_OUT, POLLOUT);
  }

  protected override closeSlot(slot: number, generation: number): void {
    this.#forget(slot);
    if (!(this.#states[slot]! & IN_KERNEL)) {
      this.#states[slot] = 0;
      super.closeSlot(slot, generation);
      return;
    }
    this.#states[slot]! |= CLOSING;
    // It takes a moment, and who waits for it must not find the event loop gone.
    this.hold();
    this.#cancelAll(slot, IN_KERNEL);
  }

  protected override takeInbound(slot: number): Uint8Array | null {
    if (!this.#isOurs(slot)) return null;
    this.#quiesce(slot, IN_KERNEL);
    const inbound = this.#ahead(slot);
    this.#states[slot]! &= AHEAD;
    if (inbound === undefined) return null;
    const bytes = inbound.length > 0 ? inbound.takeAll() : null;
    if (inbound.end < 0) this.peeked.set(slot, inbound.end);
    this.#forget(slot);
    return bytes;
  }

  // Receiving, from here to the kernel

  #isOurs(slot: number): boolean {
    return (this.words[this.base(slot) + S_FLAGS]! & F_RING) !== 0;
  }

  /** Brings what a parked call waits for, now or later. */
  #expect(slot: number): void {
    if (this.#states[slot]! & AHEAD) this.attempt(slot, () => this.#deliver(slot));
    else this.#receive(slot);
  }

  /** Whether the kernel may be asked directly: nothing of the slot is on its way otherwise. */
  #mayReceive(slot: number): boolean {
    if (!(this.#states[slot]! & RECEIVING)) return true;
    this.words[this.base(slot) + S_FLAGS]! &= ~F_READABLE;
    return false;
  }

  /** What a call of the kernel's has brought: behind the end no event will come. */
  #received(slot: number, result: number): number {
    if (result === 0 && this.#isOurs(slot))
      this.words[this.base(slot) + S_FLAGS]! |= F_READABLE | F_PEER_CLOSED;
    return result;
  }

  /** Bytes, or the end, will be told of. */
  #watch(slot: number): void {
    const state = this.#states[slot]!;
    if (state & (RECEIVING | POLLING_IN)) return;
    if (state & SPLICED) this.#poll(slot, POLL_IN, POLLIN | POLLRDHUP);
    else this.#receive(slot);
  }

  /** The kernel receives for the slot, from now on. */
  #receive(slot: number): void {
    if (this.#states[slot]! & RECEIVING) return;
    // An error that a peek has met.
    if (this.peeked.has(slot)) {
      const end = this.takePeeked(slot);
      this.#inboundOf(slot).end = end;
      this.attempt(slot, () => this.#deliver(slot));
      return;
    }
    this.#states[slot]! |= RECEIVING;
    const head = SUBMIT_RECV | (SQE_BUFFER_SELECT << 8) | (RECV_MULTISHOT << 16);
    const base = this.#submit(head, this.words[this.base(slot) + S_FD]!, RECEIVE, slot);
    const { sqes } = this.ring;
    sqes[base + Q_BUFFER_GROUP] = GROUP;
    if (this.#limited) {
      // What an interest wants at a time is not ahead of anybody.
      const wanted =
        this.words[this.base(slot) + S_FLAGS]! & F_STREAM ? this.words[this.base(slot) + S_WANT]! : 0;
      const most = Math.max(MOST_AHEAD, wanted);
      sqes[base + Q_LENGTH] = most;
      sqes[base + Q_MULTISHOT_LIMIT] = most;
    }
  }

  #stop(slot: number): void {
    if ((this.#states[slot]! & (RECEIVING | STOPPING)) !== RECEIVING) return;
    this.#states[slot]! |= STOPPING;
    this.#cancel(slot, RECEIVE);
  }

  /** The usual case: somebody waits for just this, and the kernel goes on. False: it is not that. */
  #pass(slot: number, generation: number, result: number, flags: number): boolean {
    // Nothing else may be the matter with the slot: no inbound, no end, no closing, and the kernel goes on.
    if (this.#states[slot] !== RECEIVING || !(flags & CQE_MORE)) return false;
    const { words } = this;
    const base = this.memory.slots + slot * SLOT_SIZE;
    if (words[base + S_GENERATION] !== generation) return false;
    const wants = words[base + S_FLAGS]!;
    const wanted = words[base + S_WANT]!;
    if (result > SMALLEST_RECV && result > wanted) return false;
    if (wants & F_WANT_RECV) {
      words[base + S_FLAGS] = wants & ~F_WANT_RECV;
      const offset = this.buffers.received(result, flags);
      this.receiver.complete(OP_RECV, slot, generation, result, offset, false);
      this.buffers.release(offset, result);
      return true;
    }
    if ((wants & (F_STREAM | F_WANT_READABLE)) !== F_STREAM || wanted < 0) return false;
    if (words[base + S_STREAMED_IN] === this.#batch) return false;
    words[base + S_STREAMED_IN] = this.#batch;
    const offset = this.buffers.received(result, flags);
    this.receiver.complete(OP_STREAM, slot, generation, result, offset, true);
    this.buffers.release(offset, result);
    return true;
  }

  /** Takes in what a receive has brought. Whether its owner is still there, and has something new. */
  #take(slot: number, generation: number, result: number, flags: number): boolean {
    const offset = flags & CQE_BUFFER ? this.buffers.received(result, flags) : 0;
    if (this.generationOf(slot) !== generation || !(this.#states[slot]! & RECEIVING)) {
      this.counts.stale++;
      if (result > 0) this.buffers.release(offset, result);
      return false;
    }
    if (!(flags & CQE_MORE)) this.#states[slot]! &= ~(RECEIVING | STOPPING);
    const closing = (this.#states[slot]! & CLOSING) !== 0;
    if (result > 0) {
      if (closing) this.buffers.release(offset, result);
      else this.#inboundOf(slot).push(offset, result);
    } else if (result === -EINVAL && this.#limited) {
      // A kernel before 6.17: it goes on until it is told to stop.
      this.#limited = false;
    } else if (result === -ENOBUFS) {
      this.counts.starved++;
      this.#starved.add(slot);
      this.#feed();
    } else if (result !== -ECANCELED && !closing) {
      this.#inboundOf(slot).end = result;
    }
    if (closing) {
      this.#closeWhenFree(slot, generation);
      return false;
    }
    const inbound = this.#ahead(slot);
    if (inbound === undefined) {
      // Stopped, and wanted again before that was so.
      if (!(flags & CQE_MORE) && result !== -ENOBUFS) this.#resume(slot);
      return false;
    }
    this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
    return true;
  }

  #inboundOf(slot: number): Inbound {
    let inbound = this.#ahead(slot);
    if (inbound === undefined) {
      inbound = new Inbound(this.buffers, this.slab, this.memory.maxRecv);
      this.#inbound.set(slot, inbound);
      this.#states[slot]! |= AHEAD;
      this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
    }
    return inbound;
  }

  #ahead(slot: number): Inbound | undefined {
    return this.#states[slot]! & AHEAD ? this.#inbound.get(slot) : undefined;
  }

  #drop(slot: number): void {
    this.#inbound.delete(slot);
    this.#states[slot]! &= ~AHEAD;
  }

  /** The kernel has stopped, and nothing is there: somebody may wait all the same. */
  #resume(slot: number): void {
    const flags = this.words[this.base(slot) + S_FLAGS]!;
    if (flags & (F_WANT_RECV | F_STREAM)) this.#receive(slot);
    else if (flags & F_WANT_READABLE) this.#watch(slot);
  }

  /** Tells whoever waits of what is there. */
  #deliver(slot: number): void {
    const inbound = this.#ahead(slot);
    if (inbound === undefined) return;
    const { words } = this;
    const base = this.base(slot);
    const flags = words[base + S_FLAGS]!;
    const generation = this.generationOf(slot);
    if (flags & F_WANT_RECV) {
      words[base + S_FLAGS] = flags & ~F_WANT_RECV;
      this.#hand(OP_RECV, slot, generation, inbound, Math.max(words[base + S_WANT]!, SMALLEST_RECV));
    } else if (flags & F_WANT_READABLE) {
      this.completeWanted(slot, F_WANT_READABLE, OP_READABLE, 0, 0);
    } else if (flags & F_STREAM) {
      if (words[base + S_STREAMED_IN] === this.#batch) {
        this.#tellAgain(slot);
        return;
      }
      words[base + S_STREAMED_IN] = this.#batch;
      if (words[base + S_WANT]! < 0) {
        this.receiver.complete(OP_FETCH, slot, generation, 0, 0, true);
      } else {
        if (inbound.length === 0) words[base + S_FLAGS] = flags & ~F_STREAM;
        this.#hand(OP_STREAM, slot, generation, inbound, Math.max(words[base + S_WANT]!, SMALLEST_RECV));
      }
      if (this.generationOf(slot) !== generation) return;
      if (words[base + S_FLAGS]! & F_STREAM && (this.#states[slot]! & AHEAD) !== 0) this.#tellAgain(slot);
    }
    if (
      inbound.length > MOST_AHEAD &&
      this.#states[slot]! & RECEIVING &&
      this.generationOf(slot) === generation
    ) {
      if (!(this.#states[slot]! & STOPPING)) this.counts.stopped++;
      this.#stop(slot);
    }
  }

  #hand(
    op: typeof OP_RECV | typeof OP_STREAM,
    slot: number,
    generation: number,
    inbound: Inbound,
    most: number,
  ): void {
    if (inbound.length === 0) {
      this.receiver.complete(op, slot, generation, this.#takeEnd(slot, inbound), 0, false);
      return;
    }
    const count = inbound.take(most);
    const { offset } = inbound;
    this.#took(slot, inbound);
    this.receiver.complete(op, slot, generation, count, offset, op === OP_STREAM);
    this.buffers.release(offset, count);
  }

  /** Some of it has gone. */
  #took(slot: number, inbound: Inbound): void {
    if (inbound.length > 0 || inbound.end !== OPEN) return;
    this.#drop(slot);
    this.words[this.base(slot) + S_FLAGS]! &= ~F_READABLE;
    // An interest goes on by itself; a reader comes back.
    if (this.words[this.base(slot) + S_FLAGS]! & F_STREAM) this.#receive(slot);
  }

  /** The end, as often as it is asked for; an error once, as the kernel has it. */
  #takeEnd(slot: number, inbound: Inbound): number {
    const { end } = inbound;
    if (end < 0) {
      this.#drop(slot);
      this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
    }
    return end;
  }

  #tellAgain(slot: number): void {
    if (this.#again.size === 0) this.#submit(OP_NOP, -1, AGAIN, 0);
    this.#again.add(slot);
  }

  /** Buffers for those who found none: what nobody reads makes room. */
  #feed(): void {
    if (this.buffers.free === 0) for (const inbound of this.#inbound.values()) inbound.evict();
    if (this.buffers.free === 0) {
      // All of them are looked at right now.
      this.#submit(OP_NOP, -1, AGAIN, 0);
      return;
    }
    const slots = this.#starved;
    this.#starved = new Set();
    for (const slot of slots) if (!(this.#states[slot]! & AHEAD)) this.#resume(slot);
  }

  /** What was received ahead goes to a splice's destination first. */
  #passOn(from: number, inbound: Inbound, to: number, most: number, splice: Splice): SpliceOutcome {
    const count = inbound.take(Math.min(most, inbound.length));
    const { offset } = inbound;
    const sent = this.native.send(to, this.slab, offset, offset + count);
    splice.taken = count;
    splice.sent = Math.max(0, sent);
    splice.errno = sent < 0 && sent !== -EAGAIN ? -sent : 0;
    splice.held = 0;
    splice.leftFrom = offset + splice.sent;
    splice.leftTo = offset + count;
    this.buffers.release(offset, count);
    this.#took(from, inbound);
    if (sent === count) return SPLICE_MORE;
    return splice.errno !== 0 ? SPLICE_TO_FAILED : SPLICE_FULL;
  }

  // Waiting and cancelling

  #submit(head: number, fd: number, kind: number, slot: number): number {
    return this.ring.next(head, fd, this.tag, (kind << KIND_SHIFT) | slot, this.generationOf(slot));
  }

  #poll(slot: number, kind: typeof POLL_IN | typeof POLL_OUT, events: number): void {
    if (this.#states[slot]! & (1 << kind)) return;
    this.#states[slot]! |= 1 << kind;
    const base = this.#submit(OP_POLL_ADD, this.words[this.base(slot) + S_FD]!, kind, slot);
    this.ring.sqes[base + Q_OP_FLAGS] = events;
  }

  #cancel(slot: number, kind: number): void {
    const base = this.#submit(OP_ASYNC_CANCEL | (SQE_CQE_SKIP_SUCCESS << 8), -1, CANCEL, slot);
    const { sqes } = this.ring;
    sqes[base + Q_ADDRESS] = this.ring.user(this.tag, (kind << KIND_SHIFT) | slot);
    sqes[base + Q_ADDRESS_HIGH] = this.generationOf(slot);
  }

  #cancelAll(slot: number, mask: number): void {
    const state = this.#states[slot]! & mask;
    if (state & RECEIVING) this.#stop(slot);
    if (state & POLLING_IN) this.#cancel(slot, POLL_IN);
    if (state & POLLING_OUT) this.#cancel(slot, POLL_OUT);
  }

  /** Whether the completion is the present owner's, who goes on. */
  #letGo(slot: number, generation: number, bit: number): boolean {
    if (this.generationOf(slot) !== generation || !(this.#states[slot]! & bit)) {
      this.counts.stale++;
      return false;
    }
    this.#states[slot]! &= ~bit;
    if (!(this.#states[slot]! & CLOSING)) return true;
    this.#closeWhenFree(slot, generation);
    return false;
  }

  #closeWhenFree(slot: number, generation: number): void {
    if (this.#states[slot]! & IN_KERNEL) return;
    this.#forget(slot);
    this.#states[slot] = 0;
    this.release();
    const result = this.native.close(slot);
    this.receiver.complete(OP_CLOSE, slot, generation, result, 0, false);
  }

  #mayWrite(slot: number, generation: number): void {
    const { words } = this;
    const base = this.base(slot);
    words[base + S_FLAGS]! |= F_WRITABLE;
    if (words[base + S_FLAGS]! & F_CONNECTING) {
      this.completeWanted(slot, F_CONNECTING, OP_CONNECT, this.native.socketError(slot), 0);
    } else if (words[base + S_FLAGS]! & F_WANT_WRITABLE) {
      words[base + S_FLAGS]! &= ~F_WANT_WRITABLE;
      this.foundRoom(slot, generation);
    }
  }

  /** The kernel has let go of what is in `mask` when this returns; what came is in the slot's inbound. */
  #quiesce(slot: number, mask: number): void {
    if (!(this.#states[slot]! & mask)) return;
    const generation = this.generationOf(slot);
    this.#cancelAll(slot, mask);
    while (this.#states[slot]! & mask) {
      this.ring.wait();
      for (const kind of [POLL_IN, POLL_OUT]) {
        if (!(mask & (1 << kind))) continue;
        if (this.ring.take(this.tag, (kind << KIND_SHIFT) | slot, generation) !== null)
          this.#states[slot]! &= ~(1 << kind);
      }
    }
  }

  #forget(slot: number): void {
    const inbound = this.#ahead(slot);
    this.#again.delete(slot);
    this.#starved.delete(slot);
    if (inbound === undefined) return;
    inbound.evict();
    this.#drop(slot);
  }
}
