import { OP_FETCH, OP_READABLE, OP_RECV, OP_STREAM } from '../../driver.ts';
import { EAGAIN, ECANCELED, EINVAL, ENOBUFS } from '../../errno.ts';
import {
  F_PEER_CLOSED,
  F_READABLE,
  F_RING,
  F_STREAM,
  F_WANT_READABLE,
  F_WANT_RECV,
  S_FLAGS,
  S_GENERATION,
  S_STREAMED_IN,
  S_WANT,
  SLOT_SIZE,
} from '../epoll/layout.ts';
import { CQE_BUFFER, CQE_MORE } from './abi.ts';
import { ReceivedAhead } from './ahead.ts';
import { type Inbound, OPEN } from './inbound.ts';
import type { RingUser } from './ring.ts';
import {
  AHEAD,
  CLOSING,
  LIMITED,
  MOST_AHEAD,
  POLL_IN,
  POLLING_IN,
  RECEIVING,
  STOPPING,
} from './submissions.ts';

const SMALLEST_RECV = 4096;
/** After so many small reads of a connection that was read by plain calls the kernel receives for it again. */
const PATIENCE = 16;

/**
 * How connections are received. Small reads: by a multishot receive into provided buffers, which goes on from read to
 * read. Large ones, and who only wants to know that something is there: the ring tells, and a plain call receives,
 * straight into the memory of the reader. A connection changes between the two as its reader does.
 */
export abstract class UringReceiving extends ReceivedAhead implements RingUser {
  /** Of each slot: how many more small reads are made by plain calls. */
  readonly #plain: Uint8Array;
  /** Slots for whom something is there, and no completion will tell. */
  #again = new Set<number>();
  /** Slots that want to receive, and there was no buffer. */
  #starved = new Set<number>();
  #batch = 0;

  constructor(...own: ConstructorParameters<typeof ReceivedAhead>) {
    super(...own);
    this.#plain = new Uint8Array(this.slotCount);
  }

  /** The kernel has let go of something of a slot that is being closed. */
  protected abstract closeWhenFree(slot: number, generation: number): void;

  // The contract

  override recv(slot: number, wanted: number): void {
    if (!this.isOurs(slot)) {
      super.recv(slot, wanted);
      return;
    }
    const base = this.base(slot);
    this.words[base + S_WANT] = wanted;
    super.want(slot, F_WANT_RECV);
    if (this.#plain[slot]! > 0) this.#plain[slot]! -= 1;
    this.#expect(slot);
  }

  override readable(slot: number): void {
    if (!this.isOurs(slot)) {
      super.readable(slot);
      return;
    }
    super.want(slot, F_WANT_READABLE);
    this.#plain[slot] = PATIENCE;
    if (this.states[slot]! & AHEAD) this.attempt(slot, () => this.#deliver(slot));
    else this.#watch(slot);
  }

  override stream(slot: number, wanted: number): void {
    if (!this.isOurs(slot)) {
      super.stream(slot, wanted);
      return;
    }
    const { words } = this;
    const base = this.base(slot);
    words[base + S_WANT] = wanted;
    if (wanted === 0) {
      words[base + S_FLAGS]! &= ~F_STREAM;
      this.submissions.stop(slot);
      return;
    }
    words[base + S_FLAGS]! |= F_STREAM;
    if (wanted < 0) this.#plain[slot] = PATIENCE;
    this.#goOn(slot);
  }

  /** With nothing under way nobody knows: then the answer is on its way from here on. */
  override mayBeReadable(slot: number): boolean {
    const flags = this.words[this.memory.slots + slot * SLOT_SIZE + S_FLAGS]!;
    if (flags & F_READABLE) return true;
    if (flags & F_RING && !(this.states[slot]! & (RECEIVING | POLLING_IN | CLOSING))) this.#bring(slot);
    return false;
  }

  override peek(slot: number): number {
    const inbound = this.inboundOf(slot);
    if (inbound !== undefined) return inbound.length > 0 ? 1 : inbound.end;
    return this.states[slot]! & RECEIVING ? -EAGAIN : super.peek(slot);
  }

  override tryReceive(slot: number, most: number): number {
    const inbound = this.inboundOf(slot);
    if (inbound === undefined) return this.#mayReceive(slot) ? this.#receiveNow(slot, most) : -EAGAIN;
    if (inbound.length === 0) return this.takeEnd(slot, inbound);
    const count = inbound.take(most);
    this.receivedAt = inbound.offset;
    // The kernel fills it again at the next call of it, and not before.
    this.buffers.release(inbound.offset, count);
    this.took(slot, inbound);
    return count;
  }

  override tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number {
    const inbound = this.inboundOf(slot);
    if (inbound === undefined) {
      return this.#mayReceive(slot) ? this.#received(slot, super.tryReceiveInto(slot, p, from, to)) : -EAGAIN;
    }
    if (inbound.length === 0) return this.takeEnd(slot, inbound);
    const count = inbound.copyTo(p, from, to);
    this.took(slot, inbound);
    return count;
  }

  // Completions

  batch(): void {
    this.#batch = (this.#batch + 1) & 0x7fff_ffff;
    this.receiver.round();
    if (this.#starved.size > 0) this.#feed();
  }

  protected onReceive(slot: number, generation: number, result: number, flags: number): void {
    if (result > 0 && this.#pass(slot, generation, result, flags)) return;
    if (this.take(slot, generation, result, flags)) this.#deliver(slot);
  }

  /** Something is there, or was: a cancelled wait may have had a successor already. */
  protected onReadable(slot: number, result: number): void {
    if (result === -ECANCELED) {
      this.#resume(slot);
      return;
    }
    this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
    this.#deliver(slot);
  }

  protected onAgain(): void {
    const slots = this.#again;
    this.#again = new Set();
    for (const slot of slots) this.#deliver(slot);
    if (this.#starved.size > 0) this.#feed();
  }

  /** The usual case: somebody waits for just this, and the kernel goes on. False: it is not that. */
  #pass(slot: number, generation: number, result: number, flags: number): boolean {
    // Nothing else may be the matter with the slot: no inbound, no end, no closing, and the kernel goes on.
    if ((this.states[slot]! & ~LIMITED) !== RECEIVING || !(flags & CQE_MORE)) return false;
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
  protected take(slot: number, generation: number, result: number, flags: number): boolean {
    const offset = flags & CQE_BUFFER ? this.buffers.received(result, flags) : 0;
    if (this.generationOf(slot) !== generation || !(this.states[slot]! & RECEIVING)) {
      this.counts.stale++;
      if (result > 0) this.buffers.release(offset, result);
      return false;
    }
    if (!(flags & CQE_MORE)) this.submissions.received(slot);
    const closing = (this.states[slot]! & CLOSING) !== 0;
    if (result > 0) {
      if (closing) this.buffers.release(offset, result);
      else this.openInbound(slot).push(offset, result);
    } else if (result === -ENOBUFS) {
      this.counts.starved++;
      this.#starved.add(slot);
      this.#feed();
    } else if (result !== -ECANCELED && !closing && !(result === -EINVAL && this.submissions.refused(slot))) {
      this.openInbound(slot).end = result;
    }
    if (closing) {
      this.closeWhenFree(slot, generation);
      return false;
    }
    if (!(this.states[slot]! & AHEAD)) {
      // Stopped, and wanted again before that was so.
      if (!(flags & CQE_MORE) && result !== -ENOBUFS) this.#resume(slot);
      return false;
    }
    this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
    return true;
  }

  /** Tells whoever waits of what is there. */
  #deliver(slot: number): void {
    const inbound = this.inboundOf(slot);
    const { words } = this;
    const base = this.base(slot);
    const flags = words[base + S_FLAGS]!;
    if (inbound === undefined && (this.states[slot]! & RECEIVING || !(flags & F_READABLE))) return;
    const generation = this.generationOf(slot);
    if (flags & F_WANT_RECV) {
      const most = Math.max(words[base + S_WANT]!, SMALLEST_RECV);
      if (inbound !== undefined) {
        words[base + S_FLAGS] = flags & ~F_WANT_RECV;
        this.#hand(OP_RECV, slot, generation, inbound, most);
      } else {
        const received = this.#receiveNow(slot, most);
        if (received === -EAGAIN) this.#bring(slot);
        else this.completeWanted(slot, F_WANT_RECV, OP_RECV, received, this.receivedAt);
      }
    } else if (flags & F_WANT_READABLE) {
      this.completeWanted(slot, F_WANT_READABLE, OP_READABLE, 0, 0);
    } else if (flags & F_STREAM) {
      if (words[base + S_STREAMED_IN] === this.#batch) {
        this.tellAgain(slot);
        return;
      }
      words[base + S_STREAMED_IN] = this.#batch;
      this.#deliverStream(slot, generation, inbound);
      if (this.generationOf(slot) !== generation) return;
      if (words[base + S_FLAGS]! & F_STREAM) this.#goOn(slot);
    }
    if (inbound !== undefined && inbound.length > MOST_AHEAD && this.generationOf(slot) === generation) {
      if ((this.states[slot]! & (RECEIVING | STOPPING)) === RECEIVING) this.counts.stopped++;
      this.submissions.stop(slot);
    }
  }

  #deliverStream(slot: number, generation: number, inbound: Inbound | undefined): void {
    const { words } = this;
    const base = this.base(slot);
    const wanted = words[base + S_WANT]!;
    if (wanted < 0) {
      this.receiver.complete(OP_FETCH, slot, generation, 0, 0, true);
      return;
    }
    const most = Math.max(wanted, SMALLEST_RECV);
    if (inbound !== undefined) {
      if (inbound.length === 0) words[base + S_FLAGS]! &= ~F_STREAM;
      this.#hand(OP_STREAM, slot, generation, inbound, most);
      return;
    }
    if (this.#plain[slot]! > 0) this.#plain[slot]! -= 1;
    const received = this.#receiveNow(slot, most);
    if (received === -EAGAIN) return;
    if (received <= 0) words[base + S_FLAGS]! &= ~F_STREAM;
    this.receiver.complete(OP_STREAM, slot, generation, received, this.receivedAt, received > 0);
  }

  #hand(
    op: typeof OP_RECV | typeof OP_STREAM,
    slot: number,
    generation: number,
    inbound: Inbound,
    most: number,
  ): void {
    if (inbound.length === 0) {
      this.receiver.complete(op, slot, generation, this.takeEnd(slot, inbound), 0, false);
      return;
    }
    const count = inbound.take(most);
    const { offset } = inbound;
    this.took(slot, inbound);
    this.receiver.complete(op, slot, generation, count, offset, op === OP_STREAM);
    this.buffers.release(offset, count);
  }

  // From here to the kernel

  /** What comes next is for somebody with memory of its own, or for another descriptor. */
  protected receivePlainly(slot: number): void {
    this.#plain[slot] = PATIENCE;
    this.submissions.quiesce(slot, RECEIVING);
  }

  protected tellAgain(slot: number): void {
    if (this.#again.size === 0) this.submissions.again();
    this.#again.add(slot);
  }

  /** Brings what a parked call waits for, now or later. */
  #expect(slot: number): void {
    if (this.words[this.base(slot) + S_FLAGS]! & F_READABLE) this.attempt(slot, () => this.#deliver(slot));
    else this.#bring(slot);
  }

  /** The same for an interest, which may have been told in this batch already. */
  #goOn(slot: number): void {
    if (this.words[this.base(slot) + S_FLAGS]! & F_READABLE) this.tellAgain(slot);
    else this.#bring(slot);
  }

  #bring(slot: number): void {
    if (this.#plain[slot]! > 0) this.#watch(slot);
    else this.#receive(slot);
  }

  /** The kernel receives for the slot, from now on. */
  #receive(slot: number): void {
    if (this.states[slot]! & RECEIVING) return;
    // An error that a peek has met.
    if (this.peeked.has(slot)) {
      const end = this.takePeeked(slot);
      this.openInbound(slot).end = end;
      this.attempt(slot, () => this.#deliver(slot));
      return;
    }
    this.submissions.receive(slot);
  }

  /** Bytes, or the end, will be told of. */
  #watch(slot: number): void {
    const state = this.states[slot]!;
    if (state & RECEIVING) {
      // Asked again when it has stopped.
      if (!(state & STOPPING)) this.counts.handedOver++;
      this.submissions.stop(slot);
    } else if (this.peeked.has(slot)) {
      this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
      this.attempt(slot, () => this.#deliver(slot));
    } else {
      this.submissions.poll(slot, POLL_IN);
    }
  }

  /** The kernel has stopped, and nothing is there: somebody may wait all the same. */
  #resume(slot: number): void {
    const flags = this.words[this.base(slot) + S_FLAGS]!;
    if (flags & (F_WANT_RECV | F_STREAM | F_WANT_READABLE)) this.#bring(slot);
  }

  /** Whether the kernel may be asked directly: nothing of the slot is on its way otherwise. */
  #mayReceive(slot: number): boolean {
    if (!(this.states[slot]! & RECEIVING)) return true;
    this.words[this.base(slot) + S_FLAGS]! &= ~F_READABLE;
    return false;
  }

  #receiveNow(slot: number, most: number): number {
    return this.#received(slot, super.tryReceive(slot, most));
  }

  /** What a call of the kernel's has brought: behind the end no event will come. */
  #received(slot: number, result: number): number {
    if (result === 0 && this.isOurs(slot))
      this.words[this.base(slot) + S_FLAGS]! |= F_READABLE | F_PEER_CLOSED;
    return result;
  }

  /** Some of it has gone. */
  protected took(slot: number, inbound: Inbound): void {
    if (inbound.length > 0 || inbound.end !== OPEN) return;
    this.dropInbound(slot);
    this.words[this.base(slot) + S_FLAGS]! &= ~F_READABLE;
    // An interest goes on by itself; a reader comes back.
    if (this.words[this.base(slot) + S_FLAGS]! & F_STREAM) this.#bring(slot);
  }

  protected forget(slot: number): void {
    const inbound = this.inboundOf(slot);
    this.#again.delete(slot);
    this.#starved.delete(slot);
    this.#plain[slot] = 0;
    if (inbound === undefined) return;
    inbound.evict();
    this.dropInbound(slot);
  }

  /** Buffers for those who found none: what nobody reads makes room. */
  #feed(): void {
    if (this.buffers.free === 0) this.evictAll();
    if (this.buffers.free === 0) {
      // All of them are looked at right now.
      this.submissions.again();
      return;
    }
    const slots = this.#starved;
    this.#starved = new Set();
    for (const slot of slots) if (!(this.states[slot]! & AHEAD)) this.#resume(slot);
  }
}
