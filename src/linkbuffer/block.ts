import type { BlockPool } from './pool.ts';

/** By their memory, so that whoever is given a part of a block's memory can share it. */
const blocks = new WeakMap<ArrayBufferLike, Block>();

/** The block that `p` is a part of, if it is of one and that is in use. */
export function blockOf(p: Uint8Array): Block | undefined {
  const block = blocks.get(p.buffer);
  return block !== undefined && block.references > 0 ? block : undefined;
}

/**
 * A piece of memory and how many refer to it: chains that read or fill it, slices that share it. The last one gives
 * it back to its pool.
 */
export class Block {
  /** Changes only in poison mode, when what was lent for writing is taken back. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The memory of `bytes`: asking an array for it costs as much as making a view. */
  memory: ArrayBuffer;
  references = 1;
  /** From 0 to here it may hold what somebody else left. */
  dirty: number;
  #reusable = true;
  readonly #pool: BlockPool;

  constructor(pool: BlockPool, bytes: Uint8Array<ArrayBuffer>, dirty: number) {
    this.#pool = pool;
    this.bytes = bytes;
    this.memory = bytes.buffer;
    this.dirty = dirty;
    blocks.set(this.memory, this);
  }

  /** Its bytes lie in `memory` from now on. */
  move(memory: ArrayBuffer): void {
    this.memory = memory;
    this.bytes = new Uint8Array(memory);
    blocks.set(memory, this);
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    const left = --this.references;
    if (left > 0) return;
    if (left < 0) throw new Error('a block was released more often than it was retained');
    if (this.#reusable) this.#pool.give(this);
    else this.#pool.forget(this);
  }

  /** As `release`, but its memory is nobody's again: somebody may still look at it. The collector has it in the end. */
  abandon(): void {
    this.#reusable = false;
    this.release();
  }
}
