import { type Capability, type ConnectSocketOptions, OP_CLOSE, OP_CONNECT } from '../../driver.ts';
import { EAGAIN } from '../../errno.ts';
import { SPLICE_FULL, SPLICE_MORE, SPLICE_TO_FAILED, type Splice, type SpliceOutcome } from '../../splice.ts';
import { CAPABILITIES } from '../epoll/capabilities.ts';
import type { EpollDriver } from '../epoll/driver.ts';
import {
  F_CONNECTING,
  F_WANT_WRITABLE,
  F_WRITABLE,
  H_RING_CALLS,
  H_RING_SENDS,
  H_RING_SHORT,
  S_FLAGS,
  SharedMemory,
  type Sizes,
} from '../epoll/layout.ts';
import type { Native } from '../epoll/native.ts';
import { type BufferSizes, ProvidedBuffers } from './buffers.ts';
import type { Inbound } from './inbound.ts';
import { UringReceiving } from './receiving.ts';
import type { Refusal, Ring } from './ring.ts';
import { type SentByRing, sendByRing } from './sends.ts';
import {
  AGAIN,
  AHEAD,
  CLOSING,
  GROUP,
  IN_KERNEL,
  KIND_SHIFT,
  POLL_IN,
  POLL_OUT,
  POLLING_IN,
  POLLING_OUT,
  POLLRDHUP,
  RECEIVE,
  SLOT_MASK,
} from './submissions.ts';

/**
 * io_uring for connections, epoll for everything else. The ring receives, or tells when there is something to receive,
 * and waits for connects and for room; epoll keeps listeners, datagrams, packets and pipes, and all that is one
 * system call in its own right is that here, too: see `EpollDriver`, whose slots, words and chains these are.
 */
export class UringDriver extends UringReceiving {
  override readonly name: string = 'uring';
  override readonly capabilities: ReadonlySet<Capability> = new Set(CAPABILITIES);
  #whyPlainSends: string | null = 'it has not been started';

  /** The driver of this thread, on a ring that no other driver has; or what the kernel refused it. */
  static on(ring: Ring, native: Native, sizes: Sizes, shapes: BufferSizes): UringDriver | Refusal {
    const memory = new SharedMemory({ ...sizes, own: ProvidedBuffers.room(shapes) });
    const buffers = ProvidedBuffers.register(ring, GROUP, memory.slab, memory.outLimit, shapes);
    return buffers instanceof ProvidedBuffers ? new UringDriver(native, memory, ring, buffers) : buffers;
  }

  override start(receiver: Parameters<EpollDriver['start']>[0]): void {
    super.start(receiver);
    this.native.ringConnections();
    this.#whyPlainSends = sendByRing(this.ring, this.native);
  }

  /** Why chains are sent by plain calls; null: they are sent by the ring. */
  get whyPlainSends(): string | null {
    return this.#whyPlainSends;
  }

  /** What went by the ring so far. */
  get sent(): SentByRing {
    const { words } = this;
    return {
      calls: words[H_RING_CALLS]! >>> 0,
      sends: words[H_RING_SENDS]! >>> 0,
      short: words[H_RING_SHORT]! >>> 0,
    };
  }

  // Opening

  override connect(
    host: string,
    port: number,
    local: { host: string; port: number } | null,
    options?: ConnectSocketOptions,
  ): number {
    const slot = super.connect(host, port, local, options);
    if (slot >= 0) this.submissions.poll(slot, POLL_OUT);
    return slot;
  }

  /** A Unix socket, whose connect is under way. */
  protected override connecting(slot: number): void {
    if (this.isOurs(slot)) this.submissions.poll(slot, POLL_OUT);
  }

  // Splicing

  override trySplice(from: number, to: number, most: number, splice: Splice): SpliceOutcome {
    if (from >= 0 && most > 0 && splice.held === 0 && this.isOurs(from)) {
      this.receivePlainly(from);
      const inbound = this.inboundOf(from);
      if (inbound !== undefined && inbound.length > 0) return this.#passOn(from, inbound, to, most, splice);
      if (inbound !== undefined && inbound.end < 0) this.peeked.set(from, this.takeEnd(from, inbound));
    }
    return super.trySplice(from, to, most, splice);
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
    this.took(from, inbound);
    if (sent === count) return SPLICE_MORE;
    return splice.errno !== 0 ? SPLICE_TO_FAILED : SPLICE_FULL;
  }

  // Completions

  override poll(): boolean {
    if (this.ring.reaping || this.dispatching) return true;
    super.poll();
    this.ring.submit();
    this.ring.reap(true);
    return true;
  }

  /** Bytes keep their order, of a buffer as of a connection: they are taken in when they come, and told in their turn. */
  early(id: number, generation: number, result: number, flags: number): boolean {
    if (id >> KIND_SHIFT !== RECEIVE) return false;
    const slot = id & SLOT_MASK;
    if (this.take(slot, generation, result, flags)) this.tellAgain(slot);
    return true;
  }

  override completed(id: number, generation: number, result: number, flags: number): void {
    const slot = id & SLOT_MASK;
    switch (id >> KIND_SHIFT) {
      case RECEIVE:
        this.onReceive(slot, generation, result, flags);
        break;
      case POLL_IN:
        if (this.#ended(slot, generation, POLLING_IN)) this.onReadable(slot, result);
        break;
      case POLL_OUT:
        if (this.#ended(slot, generation, POLLING_OUT)) this.#mayWrite(slot, generation, result);
        break;
      case AGAIN:
        this.onAgain();
        break;
    }
  }

  /** Whether the completion is the present owner's, who goes on. */
  #ended(slot: number, generation: number, bit: number): boolean {
    if (!this.submissions.ended(slot, generation, bit)) {
      this.counts.stale++;
      return false;
    }
    if (!(this.states[slot]! & CLOSING)) return true;
    this.closeWhenFree(slot, generation);
    return false;
  }

  #mayWrite(slot: number, generation: number, events: number): void {
    const { words } = this;
    const base = this.base(slot);
    if (events === POLLRDHUP && words[base + S_FLAGS]! & F_WANT_WRITABLE) {
      // That the peer has shut its side is no room. The ring would tell nothing else from here on.
      this.native.watchRoom(slot);
      return;
    }
    words[base + S_FLAGS]! |= F_WRITABLE;
    if (words[base + S_FLAGS]! & F_CONNECTING) {
      this.completeWanted(slot, F_CONNECTING, OP_CONNECT, this.native.socketError(slot), 0);
    } else if (words[base + S_FLAGS]! & F_WANT_WRITABLE) {
      words[base + S_FLAGS]! &= ~F_WANT_WRITABLE;
      this.foundRoom(slot, generation);
    }
  }

  // What the driver of epoll leaves to us

  protected override want(slot: number, flag: number): void {
    super.want(slot, flag);
    if (flag === F_WANT_WRITABLE && this.isOurs(slot)) this.submissions.poll(slot, POLL_OUT);
  }

  protected override closeSlot(slot: number, generation: number): void {
    this.forget(slot);
    if (!(this.states[slot]! & IN_KERNEL)) {
      this.states[slot] = 0;
      super.closeSlot(slot, generation);
      return;
    }
    this.states[slot]! |= CLOSING;
    // It takes a moment, and who waits for it must not find the event loop gone.
    this.hold();
    this.submissions.cancelAll(slot, IN_KERNEL);
  }

  protected override closeWhenFree(slot: number, generation: number): void {
    if (this.states[slot]! & IN_KERNEL) return;
    this.forget(slot);
    this.states[slot] = 0;
    this.release();
    const result = this.native.close(slot);
    this.receiver.complete(OP_CLOSE, slot, generation, result, 0, false);
  }

  protected override takeInbound(slot: number): Uint8Array | null {
    if (!this.isOurs(slot)) return null;
    this.submissions.quiesce(slot, IN_KERNEL);
    const inbound = this.inboundOf(slot);
    this.states[slot]! &= AHEAD;
    const bytes = inbound !== undefined && inbound.length > 0 ? inbound.takeAll() : null;
    if (inbound !== undefined && inbound.end < 0) this.peeked.set(slot, inbound.end);
    this.forget(slot);
    return bytes;
  }
}
