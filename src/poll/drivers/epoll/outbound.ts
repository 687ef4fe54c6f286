import { OP_DRAIN } from '../../driver.ts';
import { EAGAIN, ECANCELED } from '../../errno.ts';
import { Attempts } from './attempts.ts';
import {
  F_DIRTY,
  F_WANT_WRITABLE,
  G_CAPACITY,
  G_LENGTH,
  G_NEXT,
  G_OFFSET,
  H_DIRTY,
  H_OUT_OFFSET,
  H_SEGMENTS_USED,
  H_UNSENT,
  S_FLAGS,
  S_OUT_HEAD,
  S_OUT_LENGTH,
  S_OUT_TAIL,
  SEGMENT_SIZE,
  SLOT_SIZE,
} from './layout.ts';
import { Remainder } from './remainder.ts';

/** The second small write of a round shows that more will come: they share a segment of this size. */
const SHARED_SEGMENT = 1024;

/** What is written and not sent: chains of segments in the slab, and what the kernel had no room for. */
export abstract class Outbound extends Attempts {
  readonly #remainders = new Map<number, Remainder>();
  readonly #drains = new Map<number, number>();

  stage(slot: number, p: Uint8Array, from: number, to: number): void {
    const words = this.words;
    const memory = this.memory;
    const length = to - from;
    const base = memory.slots + slot * SLOT_SIZE;
    if (words[H_OUT_OFFSET]! + Math.max(length, SHARED_SEGMENT) > memory.outLimit) this.flush();
    if (words[H_SEGMENTS_USED]! === memory.segmentCount) this.flush();
    if (this.#remainders.size > 0) {
      const remainder = this.#remainders.get(slot);
      if (remainder !== undefined) {
        remainder.append(p, from, to);
        return;
      }
    }
    const source = from === 0 && to === p.length ? p : p.subarray(from, to);
    let capacity = length;
    if (words[base + S_OUT_HEAD]! >= 0) {
      const tail = memory.segments + words[base + S_OUT_TAIL]! * SEGMENT_SIZE;
      const used = words[tail + G_LENGTH]! + length;
      const begin = words[tail + G_OFFSET]!;
      const isLast = begin + words[tail + G_CAPACITY]! === words[H_OUT_OFFSET]!;
      if (used <= words[tail + G_CAPACITY]! || isLast) {
        this.slab.set(source, begin + used - length);
        words[tail + G_LENGTH] = used;
        words[base + S_OUT_LENGTH]! += length;
        if (used > words[tail + G_CAPACITY]!) {
          // Nobody wrote in between: it grows where it is, and the chain stays one piece.
          words[tail + G_CAPACITY] = used;
          words[H_OUT_OFFSET] = begin + used;
        }
        return;
      }
      capacity = Math.max(length, SHARED_SEGMENT);
    }
    const offset = words[H_OUT_OFFSET]!;
    words[H_OUT_OFFSET] = offset + capacity;
    const index = words[H_SEGMENTS_USED]!;
    words[H_SEGMENTS_USED] = index + 1;
    this.slab.set(source, offset);
    const segment = memory.segments + index * SEGMENT_SIZE;
    words[segment + G_OFFSET] = offset;
    words[segment + G_LENGTH] = length;
    words[segment + G_NEXT] = -1;
    words[segment + G_CAPACITY] = capacity;
    if (words[base + S_OUT_HEAD]! >= 0) {
      words[memory.segments + words[base + S_OUT_TAIL]! * SEGMENT_SIZE + G_NEXT] = index;
    } else {
      words[base + S_OUT_HEAD] = index;
    }
    words[base + S_OUT_TAIL] = index;
    words[base + S_OUT_LENGTH]! += length;
    if (!(words[base + S_FLAGS]! & F_DIRTY)) {
      words[base + S_FLAGS]! |= F_DIRTY;
      words[memory.dirty + words[H_DIRTY]!] = slot;
      words[H_DIRTY]! += 1;
    }
  }

  outboundLength(slot: number): number {
    const staged = this.words[this.memory.slots + slot * SLOT_SIZE + S_OUT_LENGTH]!;
    return this.#remainders.size === 0 ? staged : staged + (this.#remainders.get(slot)?.length ?? 0);
  }

  flushNow(slot: number): void {
    const base = this.base(slot);
    if (this.words[base + S_OUT_HEAD]! < 0) return;
    const total = this.words[base + S_OUT_LENGTH]!;
    const sent = this.native.flushSlot(slot);
    if (sent < 0) this.later(this.faulted(slot, -sent, this.words[H_UNSENT]!));
    else if (sent < total) this.keepRemainder(slot, sent);
  }

  flush(): void {
    // One by one: the native loop would put its completions where those of the present batch stand.
    const words = this.words;
    for (let i = 0; i < words[H_DIRTY]!; i++) {
      const slot = words[this.memory.dirty + i]!;
      words[this.base(slot) + S_FLAGS]! &= ~F_DIRTY;
      this.flushNow(slot);
    }
    words[H_DIRTY] = 0;
    this.resetOutbound();
  }

  drain(slot: number, level: number): void {
    this.#drains.set(slot, level);
    this.flushNow(slot);
    this.attempt(slot, () => this.#completeDrain(slot, 0));
  }

  protected cancelDrain(slot: number): void {
    if (this.#drains.size > 0 && this.#drains.delete(slot)) this.post(OP_DRAIN, slot, -ECANCELED);
  }

  #completeDrain(slot: number, result: number): void {
    const level = this.#drains.get(slot);
    if (level === undefined || (result === 0 && this.outboundLength(slot) > level)) return;
    this.#drains.delete(slot);
    this.receiver.complete(OP_DRAIN, slot, this.generationOf(slot), result, 0, false);
  }

  // What the kernel did not take

  /** Takes the unsent part of a chain out of the slab and waits for room in the kernel. */
  protected keepRemainder(slot: number, sent: number): void {
    const words = this.words;
    const base = this.base(slot);
    const remainder = new Remainder();
    let skip = sent;
    for (let index = words[base + S_OUT_HEAD]!; index >= 0; ) {
      const segment = this.memory.segments + index * SEGMENT_SIZE;
      const offset = words[segment + G_OFFSET]!;
      const length = words[segment + G_LENGTH]!;
      if (skip < length) remainder.append(this.slab, offset + skip, offset + length);
      skip = Math.max(0, skip - length);
      index = words[segment + G_NEXT]!;
    }
    this.dropChain(slot);
    this.#remainders.set(slot, remainder);
    this.hold();
    this.want(slot, F_WANT_WRITABLE);
  }

  protected dropChain(slot: number): void {
    const base = this.base(slot);
    this.words[base + S_OUT_HEAD] = -1;
    this.words[base + S_OUT_LENGTH] = 0;
  }

  protected hasRemainder(slot: number): boolean {
    return this.#remainders.has(slot);
  }

  protected takeOutbound(slot: number): Uint8Array | null {
    const outbound = this.#remainders.get(slot)?.takeAll() ?? null;
    this.dropRemainder(slot);
    return outbound;
  }

  protected sendRemainder(slot: number): void {
    const remainder = this.#remainders.get(slot)!;
    const result = remainder.sendTo((p, from, to) => this.native.send(slot, p, from, to));
    if (result < 0 && result !== -EAGAIN) {
      const unsent = remainder.length;
      this.dropRemainder(slot);
      this.faulted(slot, -result, unsent)();
      return;
    }
    if (remainder.length > 0) this.want(slot, F_WANT_WRITABLE);
    else this.dropRemainder(slot);
    this.#completeDrain(slot, 0);
  }

  protected dropRemainder(slot: number): void {
    if (this.#remainders.size === 0 || !this.#remainders.delete(slot)) return;
    this.words[this.base(slot) + S_FLAGS]! &= ~F_WANT_WRITABLE;
    this.release();
  }

  protected faulted(slot: number, errno: number, unsent: number): () => void {
    const generation = this.generationOf(slot);
    return () => {
      this.receiver.fault(slot, generation, errno, unsent);
      this.#completeDrain(slot, -errno);
    };
  }

  /** Once nothing staged is left, the outbound part of the slab starts over. */
  protected resetOutbound(): void {
    const words = this.words;
    if (words[H_DIRTY]! > 0) return;
    words[H_OUT_OFFSET] = this.memory.outStart;
    words[H_SEGMENTS_USED] = 0;
  }

  protected flushAtExit(): void {
    this.flush();
    for (const [slot, remainder] of this.#remainders) {
      remainder.sendTo((p, from, to) => this.native.send(slot, p, from, to));
    }
    // Handlers of 'exit' that run after this one may write, too.
    const stage = this.stage;
    this.stage = (slot, p, from, to) => {
      stage.call(this, slot, p, from, to);
      this.flushNow(slot);
    };
  }
}
