import type { CompletionReceiver, Op } from '../../driver.ts';
import { Posted } from '../posted.ts';
import {
  F_DATAGRAM,
  F_READABLE,
  H_HOLDS,
  H_REFERENCED,
  S_FLAGS,
  S_GENERATION,
  SharedMemory,
  type Sizes,
  SLOT_SIZE,
} from './layout.ts';
import type { Native } from './native.ts';

/**
 * The slots in the memory that is shared with the native part, and how something completes that is in none of its
 * batches. The driver is one object, in parts: this, sockets.ts, attempts.ts, outbound.ts, operations.ts and
 * driver.ts.
 */
export abstract class Slots {
  readonly slotCount: number;
  readonly slab: Uint8Array;
  protected readonly native: Native;
  protected readonly memory: SharedMemory;
  protected readonly words: Int32Array;
  protected receiver!: CompletionReceiver;
  readonly #posted = new Posted();

  constructor(native: Native, memory: Sizes | SharedMemory) {
    this.native = native;
    this.memory = memory instanceof SharedMemory ? memory : new SharedMemory(memory);
    this.words = this.memory.words;
    this.slab = this.memory.slab;
    this.slotCount = this.memory.slotCount;
  }

  generationOf(slot: number): number {
    return this.words[this.base(slot) + S_GENERATION]!;
  }

  mayBeReadable(slot: number): boolean {
    return (this.words[this.memory.slots + slot * SLOT_SIZE + S_FLAGS]! & F_READABLE) !== 0;
  }

  hold(): void {
    const words = this.words;
    words[H_HOLDS]! += 1;
    if (words[H_REFERENCED] === 0) this.native.reference();
  }

  release(): void {
    this.words[H_HOLDS]! -= 1;
  }

  // Operations in flight

  protected base(slot: number): number {
    return this.memory.slots + slot * SLOT_SIZE;
  }

  protected want(slot: number, flag: number): void {
    this.words[this.memory.slots + slot * SLOT_SIZE + S_FLAGS]! |= flag;
  }

  protected unwant(slot: number, flag: number): void {
    this.words[this.base(slot) + S_FLAGS]! &= ~flag;
  }

  protected isDatagram(slot: number): boolean {
    return (this.words[this.base(slot) + S_FLAGS]! & F_DATAGRAM) !== 0;
  }

  /** Completes an operation that is still in flight. */
  protected completeWanted(slot: number, flag: number, op: Op, result: number, offset: number): void {
    const base = this.base(slot);
    if (!(this.words[base + S_FLAGS]! & flag)) return;
    this.words[base + S_FLAGS]! &= ~flag;
    this.receiver.complete(op, slot, this.words[base + S_GENERATION]!, result, offset, false);
  }

  // Outside a batch

  protected post(op: Op, slot: number, result: number): void {
    const generation = this.generationOf(slot);
    this.later(() => this.receiver.complete(op, slot, generation, result, 0, false));
  }

  /** Runs `action` for the slot's present owner, if it still is one by then. */
  protected attempt(slot: number, action: () => void): void {
    const generation = this.generationOf(slot);
    this.later(() => {
      if (this.generationOf(slot) === generation) action();
    });
  }

  protected later(action: () => void): void {
    this.#posted.add(action);
  }
}
