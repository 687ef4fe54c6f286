import { checkCount } from '../../io/arguments.ts';
import { ArgumentRangeError, ArgumentTypeError } from '../../io/index.ts';
import type { WaitOptions } from '../wait-options.ts';
import { BlockGoneError } from './errors.ts';

import { SharedChan, type SharedChanHandle } from './shared-chan.ts';
import { thisThread } from './this-thread.ts';
import { BLOCK, type Encoded } from './values.ts';

/** Words before those that say whose each block is; behind them, of each, which subscribers of a broadcast have it. */
const MAGIC = 0;
const COUNT = 1;
const SIZE = 2;
/** By what its broadcast is known; 0: there is none. */
const BROADCAST = 3;
const OWNER_OF = 16;
const SIGN = 0x67_70_62_31;

/** Whose a block is: nobody's, on its way in a channel, several subscribers', or a thread's. */
const FREE = 0;
const TRAVELS = -1;
const SHARED = -2;

/**
 * What another thread makes its SharedBlocks of: goes through `postMessage` and `workerData`.
 *
 * @example
 * ```ts
 * import { SharedBlocks, type SharedBlocksHandle } from 'gopark/sync';
 *
 * const handle: SharedBlocksHandle = new SharedBlocks({ count: 64, size: 64 << 10 }).handle;
 * ```
 */
export interface SharedBlocksHandle {
  readonly sharedBlocks: SharedArrayBuffer;
  readonly free: SharedChanHandle;
}

/**
 * A pool of blocks of memory that all threads see: fill one, send it over a SharedChan, and its receiver has the
 * bytes without a copy. A block is its holder's alone, until that sends or releases it.
 *
 * @example
 * ```ts
 * import { SharedBlocks, SharedChan, type SharedBlock } from 'gopark/sync';
 *
 * const blocks = new SharedBlocks({ count: 16, size: 64 << 10 });
 * const pieces = new SharedChan<SharedBlock>({ blocks });
 * const block = await blocks.take();
 * block.length = new TextEncoder().encodeInto('hello', block.bytes).written;
 * await pieces.send(block);
 * const received = (await pieces.recv())!;
 * console.log(Buffer.from(received.bytes.subarray(0, received.length)).toString()); // hello
 * received.release();
 * ```
 */
export class SharedBlocks {
  readonly #memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #free: SharedChan<number>;
  /** How many there are, and how many bytes each has. */
  readonly count: number;
  readonly size: number;

  constructor(options: { count: number; size: number } | SharedBlocksHandle) {
    const isNew = !('sharedBlocks' in options);
    if (isNew) {
      checkCount(options.count, 'count', 1);
      checkCount(options.size, 'size', 1);
      const { count, size } = options;
      this.#memory = new SharedArrayBuffer((OWNER_OF + 2 * count) * 4 + count * size);
      this.#words = new Int32Array(this.#memory, 0, OWNER_OF + 2 * count);
      this.#words[MAGIC] = SIGN;
      this.#words[COUNT] = count;
      this.#words[SIZE] = size;
      this.#free = new SharedChan<number>({ capacity: count, bytes: (count + 1) * 16 });
      for (let index = 0; index < count; index++) this.#free.trySend(index);
    } else {
      this.#memory = options.sharedBlocks;
      const words = new Int32Array(this.#memory, 0, OWNER_OF);
      if (words[MAGIC] !== SIGN) throw new ArgumentTypeError('handle', "SharedBlocks'", options);
      this.#words = new Int32Array(this.#memory, 0, OWNER_OF + 2 * words[COUNT]!);
      this.#free = SharedChan.from(options.free);
    }
    this.count = this.#words[COUNT]!;
    this.size = this.#words[SIZE]!;
  }

  /** The pool of a `handle`, in this thread. */
  static from(handle: SharedBlocksHandle): SharedBlocks {
    return new SharedBlocks(handle);
  }

  get handle(): SharedBlocksHandle {
    return { sharedBlocks: this.#memory, free: this.#free.handle };
  }

  /** How many nobody has. */
  get free(): number {
    return this.#free.length;
  }

  /** A block; waits while there is none. What is in it is what its last holder left. */
  async take(options?: WaitOptions): Promise<SharedBlock> {
    return this.#taken((await this.#free.recv(options))!);
  }

  /** A block, if there is one now. */
  tryTake(): SharedBlock | undefined {
    const index = this.#free.tryRecv();
    return index === undefined ? undefined : this.#taken(index);
  }

  #taken(index: number): SharedBlock {
    Atomics.store(this.#words, OWNER_OF + index, thisThread);
    return new SharedBlock(this, index, this.size);
  }

  /**
   * Gives back what the worker with this `threadId` held when it ended: for its supervisor. Never for a thread that
   * runs. How many blocks that were.
   */
  reclaim(threadId: number): number {
    const owner = threadId + 1;
    if (owner === thisThread) throw new ArgumentRangeError('threadId', "another thread's", threadId);
    this.#free.reclaim(threadId);
    let found = 0;
    for (let index = 0; index < this.count; index++) {
      if (Atomics.compareExchange(this.#words, OWNER_OF + index, owner, FREE) !== owner) continue;
      this.#free.trySend(index);
      found++;
    }
    return found;
  }

  /** @internal */
  memoryOf(index: number): Uint8Array {
    return new Uint8Array(this.#memory, this.#words.byteLength + index * this.size, this.size);
  }

  /** @internal */
  release(index: number): void {
    Atomics.store(this.#words, OWNER_OF + index, FREE);
    this.#free.trySend(index);
  }

  /** @internal The block is in a channel, or again this thread's. */
  travels(index: number, does: boolean): void {
    Atomics.store(this.#words, OWNER_OF + index, does ? TRAVELS : thisThread);
  }

  // Blocks that several subscribers have

  /** @internal Its blocks are the broadcast's that is known by this number; false: they are another one's. */
  belongTo(broadcast: number): boolean {
    const before = Atomics.compareExchange(this.#words, BROADCAST, 0, broadcast);
    return before === 0 || before === broadcast;
  }

  /** @internal The subscribers in `places` (bits) have the block in this message. */
  share(message: Uint8Array, places: number): void {
    const index = indexIn(message);
    Atomics.store(this.#words, OWNER_OF + this.count + index, places);
    Atomics.store(this.#words, OWNER_OF + index, SHARED);
    if (places === 0) this.release(index);
  }

  /** @internal One of them has not any more. The last one gives it back. */
  letGo(message: Uint8Array, place: number): void {
    this.letGoOf(indexIn(message), place);
  }

  /** @internal */
  letGoOf(index: number, place: number): void {
    const before = Atomics.and(this.#words, OWNER_OF + this.count + index, ~(1 << place));
    if (before === 1 << place) this.release(index);
  }

  /** @internal A subscriber has gone, with all that it had or would have received. */
  letGoAll(place: number): void {
    for (let index = 0; index < this.count; index++) this.letGoOf(index, place);
  }
}

function indexIn(bytes: Uint8Array): number {
  message.bytes.set(bytes.subarray(0, 8));
  return messageWords[0]!;
}

/** A subscriber's part in blocks that others have as well. */
export interface Share {
  readonly place: number;
  /** It has let go of all of them. */
  left: boolean;
}

const message: Encoded = { kind: BLOCK, bytes: new Uint8Array(8) };
const messageWords = new Int32Array(message.bytes.buffer);

/**
 * A block of a `SharedBlocks` pool, which makes them.
 *
 * @example
 * ```ts
 * import type { SharedBlock } from 'gopark/sync';
 *
 * export function sum(block: SharedBlock): number {
 *   let sum = 0;
 *   for (let i = 0; i < block.length; i++) sum += block.bytes[i]!;
 *   block.release();
 *   return sum;
 * }
 * ```
 */
export class SharedBlock {
  readonly #blocks: SharedBlocks;
  readonly #index: number;
  /** null: it is nobody else's. */
  readonly #share: Share | null;
  #bytes: Uint8Array | null;
  /** How many of the bytes mean something: travels along. */
  length: number;

  /** @internal */
  constructor(blocks: SharedBlocks, index: number, length: number, share: Share | null = null) {
    this.#blocks = blocks;
    this.#index = index;
    this.#share = share;
    this.#bytes = blocks.memoryOf(index);
    this.length = length;
  }

  /**
   * All of its memory. Not to be kept: nothing stops who does from writing what another thread reads. Of one that a
   * broadcast has brought only to be read: the other subscribers have the same.
   *
   * @throws BlockGoneError when it was sent or released.
   */
  get bytes(): Uint8Array {
    if (this.#bytes === null || this.#share?.left) throw new BlockGoneError();
    return this.#bytes;
  }

  /** Back into the pool, when nobody else has it. */
  release(): void {
    if (this.#bytes === null || this.#share?.left) throw new BlockGoneError();
    this.#bytes = null;
    if (this.#share === null) this.#blocks.release(this.#index);
    else this.#blocks.letGoOf(this.#index, this.#share.place);
  }

  /** @internal What goes into the channel. */
  sending(blocks: SharedBlocks | null): Encoded {
    if (blocks !== this.#blocks || this.#share !== null)
      throw new ArgumentTypeError(
        'value',
        "a block of the channel's own `blocks` that nobody else has",
        this,
      );
    if (this.#bytes === null) throw new BlockGoneError();
    checkCount(this.length, 'length');
    if (this.length > this.#blocks.size)
      throw new ArgumentRangeError('length', 'at most the size', this.length);
    messageWords[0] = this.#index;
    messageWords[1] = this.length;
    // First: once it is in the channel its receiver may have it.
    this.#blocks.travels(this.#index, true);
    return message;
  }

  /** @internal The channel has it; or not, then it is still its sender's. */
  gone(went: boolean): void {
    if (went) this.#bytes = null;
    else this.#blocks.travels(this.#index, false);
  }

  /** @internal `share`: of the subscriber that has received it, beside others; null: it is nobody else's. */
  static received(blocks: SharedBlocks | null, bytes: Uint8Array, share: Share | null = null): SharedBlock {
    if (blocks === null) throw new ArgumentTypeError('blocks', 'given, because blocks are sent here', blocks);
    message.bytes.set(bytes.subarray(0, 8));
    const [index, length] = messageWords as unknown as [number, number];
    if (share === null) blocks.travels(index, false);
    return new SharedBlock(blocks, index, length, share);
  }
}
