import { checkCount } from '../io/arguments.ts';
import { Block } from './block.ts';
import { poisonByte, poisoned } from './poison.ts';

/** Larger blocks are made for one use: they are rare, and keeping them would be most of what a pool keeps. */
const largestPooled = 1024 * 1024;
/** How long a block lies idle, at most twice that, before it is let go. */
const trimInterval = 1000;

/**
 * What a `BlockPool` holds at the moment.
 *
 * @example
 * ```ts
 * import { type BlockPoolStats, defaultPool } from 'gopark/linkbuffer';
 *
 * const { blocksInUse, bytesInUse }: BlockPoolStats = defaultPool.stats();
 * console.log(blocksInUse, bytesInUse);
 * ```
 */
export interface BlockPoolStats {
  /** Blocks that a buffer or a slice refers to. */
  readonly blocksInUse: number;
  readonly bytesInUse: number;
  /** Blocks that wait for the next use. */
  readonly blocksIdle: number;
  readonly bytesIdle: number;
}

/**
 * Settings of a `BlockPool`.
 *
 * @example
 * ```ts
 * import { BlockPool, type BlockPoolOptions } from 'gopark/linkbuffer';
 *
 * const options: BlockPoolOptions = { blockSize: 16 * 1024, idleLimit: 1024 * 1024 };
 * const pool = new BlockPool(options);
 * ```
 */
export interface BlockPoolOptions {
  /** The size of a block in bytes, at least 8; default 8192. Larger requests get twice, four times, ... as much. */
  blockSize?: number;
  /** How many bytes may lie idle, default 4 MiB. */
  idleLimit?: number;
  /** How many bytes stay idle however long nobody needs them, default 128 KiB. */
  idleFloor?: number;
}

/**
 * Blocks of memory for any number of LinkBuffers, reused instead of allocated: a block of 8 KiB from here costs some
 * 10 ns, a new one 1400.
 *
 * It is bounded (`idleLimit`) and shrinks: what nobody needed for a second or two is left to the garbage collector,
 * down to `idleFloor`. Blocks above 1 MiB are never kept.
 *
 * @example
 * ```ts
 * import { BlockPool, LinkBuffer } from 'gopark/linkbuffer';
 *
 * const pool = new BlockPool({ blockSize: 4096 });
 * const buffer = new LinkBuffer({ pool });
 * ```
 */
export class BlockPool {
  readonly blockSize: number;
  readonly #idleLimit: number;
  readonly #idleFloor: number;
  /** By size: blockSize, twice that, ... */
  readonly #idle: Block[][] = [];
  /** How few of each size lay idle since the last trim: so many were needed by nobody. */
  readonly #lowest: number[] = [];
  #blocksInUse = 0;
  #bytesInUse = 0;
  #bytesIdle = 0;
  #trimming = false;

  constructor(options: BlockPoolOptions = {}) {
    const { blockSize = 8192, idleLimit = 4 * 1024 * 1024, idleFloor = 128 * 1024 } = options;
    checkCount(blockSize, 'blockSize', 8);
    checkCount(idleLimit, 'idleLimit');
    checkCount(idleFloor, 'idleFloor');
    this.blockSize = blockSize;
    this.#idleLimit = idleLimit;
    this.#idleFloor = Math.min(idleFloor, idleLimit);
    do {
      this.#idle.push([]);
      this.#lowest.push(0);
    } while (blockSize * 2 ** this.#idle.length <= largestPooled);
  }

  /** @internal A block of at least `size` bytes, with one reference. */
  take(size: number): Block {
    let capacity = this.blockSize;
    let place = 0;
    while (capacity < size) {
      capacity *= 2;
      place++;
    }
    const idle = this.#idle[place];
    if (idle === undefined) capacity = size;
    this.#blocksInUse++;
    this.#bytesInUse += capacity;
    if (idle === undefined || idle.length === 0) {
      const bytes = new Uint8Array(capacity);
      if (poisoned) bytes.fill(poisonByte);
      return new Block(this, bytes, 0);
    }
    const block = idle.pop()!;
    if (idle.length < this.#lowest[place]!) this.#lowest[place] = idle.length;
    this.#bytesIdle -= capacity;
    block.references = 1;
    return block;
  }

  /** @internal The last reference to `block` is gone. */
  give(block: Block): void {
    const capacity = block.bytes.length;
    this.forget(block);
    if (poisoned) block.bytes.fill(poisonByte);
    if (this.#bytesIdle + capacity > this.#idleLimit) return;
    let place = 0;
    for (let size = this.blockSize; size < capacity; size *= 2) place++;
    const idle = this.#idle[place];
    if (idle === undefined) return;
    idle.push(block);
    this.#bytesIdle += capacity;
    if (!this.#trimming && this.#bytesIdle > this.#idleFloor) this.#trimLater();
  }

  /** @internal The block is not in use any more and will never be. */
  forget(block: Block): void {
    this.#blocksInUse--;
    this.#bytesInUse -= block.bytes.length;
  }

  /** What the pool holds now. */
  stats(): BlockPoolStats {
    let blocksIdle = 0;
    for (const idle of this.#idle) blocksIdle += idle.length;
    return {
      blocksInUse: this.#blocksInUse,
      bytesInUse: this.#bytesInUse,
      blocksIdle,
      bytesIdle: this.#bytesIdle,
    };
  }

  /**
   * Lets go of what lay idle ever since the last call, down to `idleFloor`. It happens by itself about once a second
   * while more than that lies idle.
   */
  trim(): void {
    for (let place = this.#idle.length - 1; place >= 0; place--) {
      const idle = this.#idle[place]!;
      const capacity = this.blockSize * 2 ** place;
      const excess = Math.max(0, Math.ceil((this.#bytesIdle - this.#idleFloor) / capacity));
      const count = Math.min(this.#lowest[place]!, excess);
      // The oldest lie at the front; the others are warm.
      idle.splice(0, count);
      this.#bytesIdle -= count * capacity;
      this.#lowest[place] = idle.length;
    }
  }

  #trimLater(): void {
    this.#trimming = true;
    const timer = setTimeout(() => {
      this.#trimming = false;
      this.trim();
      if (this.#bytesIdle > this.#idleFloor) this.#trimLater();
    }, trimInterval);
    timer.unref?.();
  }
}

/**
 * The pool of every LinkBuffer that is given no other.
 *
 * @example
 * ```ts
 * import { defaultPool } from 'gopark/linkbuffer';
 *
 * console.log(defaultPool.stats().bytesIdle);
 * ```
 */
export const defaultPool: BlockPool = new BlockPool();
