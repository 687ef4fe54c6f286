import { EpollDriver } from '../epoll/driver.ts';
import { F_READABLE, F_RING, S_FD, S_FLAGS, type SharedMemory } from '../epoll/layout.ts';
import type { Native } from '../epoll/native.ts';
import type { ProvidedBuffers } from './buffers.ts';
import { Inbound } from './inbound.ts';
import type { Ring, RingUser } from './ring.ts';
import { AHEAD, Submissions } from './submissions.ts';

/** What has happened that a program does not see. */
export interface UringCounts {
  /** Completions for an owner of a slot who had gone. */
  stale: number;
  /** How often the kernel had no buffer left. */
  starved: number;
  /** Receives that were stopped because their reader was too slow. */
  stopped: number;
  /** Receives that were stopped because their reader has memory of its own. */
  handedOver: number;
}

/** What the kernel has under way for each connection, and what it has brought that nobody has asked for yet. */
export abstract class ReceivedAhead extends EpollDriver implements RingUser {
  readonly ring: Ring;
  readonly buffers: ProvidedBuffers;
  readonly counts: UringCounts = { stale: 0, starved: 0, stopped: 0, handedOver: 0 };
  /** By which the ring knows its submissions. */
  readonly tag: number;
  protected readonly submissions: Submissions;
  protected readonly states: Uint8Array;
  readonly #inbound = new Map<number, Inbound>();

  constructor(native: Native, memory: SharedMemory, ring: Ring, buffers: ProvidedBuffers) {
    super(native, memory);
    this.ring = ring;
    this.tag = ring.join(this);
    this.submissions = new Submissions(ring, this.tag, this.slotCount, {
      generationOf: (slot) => this.generationOf(slot),
      descriptorOf: (slot) => this.words[this.base(slot) + S_FD]!,
    });
    this.states = this.submissions.states;
    this.buffers = buffers;
  }

  abstract completed(id: number, generation: number, result: number, flags: number): void;

  /** Bytes that have been received, and that nobody has asked for yet. */
  get ahead(): number {
    let total = 0;
    for (const { length } of this.#inbound.values()) total += length;
    return total;
  }

  protected isOurs(slot: number): boolean {
    return (this.words[this.base(slot) + S_FLAGS]! & F_RING) !== 0;
  }

  protected inboundOf(slot: number): Inbound | undefined {
    return this.states[slot]! & AHEAD ? this.#inbound.get(slot) : undefined;
  }

  protected openInbound(slot: number): Inbound {
    let inbound = this.inboundOf(slot);
    if (inbound === undefined) {
      inbound = new Inbound(this.buffers, this.slab, this.memory.maxRecv);
      this.#inbound.set(slot, inbound);
      this.states[slot]! |= AHEAD;
      this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
    }
    return inbound;
  }

  protected dropInbound(slot: number): void {
    this.#inbound.delete(slot);
    this.states[slot]! &= ~AHEAD;
  }

  /** The end, as often as it is asked for; an error once, as the kernel has it. */
  protected takeEnd(slot: number, inbound: Inbound): number {
    const { end } = inbound;
    if (end < 0) {
      this.dropInbound(slot);
      this.words[this.base(slot) + S_FLAGS]! |= F_READABLE;
    }
    return end;
  }

  /** Others need the buffers. */
  protected evictAll(): void {
    for (const inbound of this.#inbound.values()) inbound.evict();
  }
}
