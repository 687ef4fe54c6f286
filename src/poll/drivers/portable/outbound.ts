/** Small writes of many connections stand side by side in blocks of this size until they are handed over. */
const BLOCK_SIZE = 256 * 1024;
/** More than these come and go only with many slow peers: the garbage collector's part. */
const MOST_SPARE = 4;

/** A block of outbound bytes, and how many pieces of it have not been sent yet. */
class Block {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(BLOCK_SIZE);
  used = 0;
  pieces = 0;
}

/** The blocks of one driver. While no peer is slow it is always the same one, from its start. */
export class OutboundBlocks {
  #current = new Block();
  readonly #spare: Block[] = [];

  /** A block with room for `length` bytes at its `used`; at most BLOCK_SIZE. */
  withRoom(length: number): Block {
    if (this.#current.used + length > BLOCK_SIZE) this.#current = this.#spare.pop() ?? new Block();
    return this.#current;
  }

  /** One piece of `block` has gone. */
  release(block: Block): void {
    if (--block.pieces > 0) return;
    block.used = 0;
    if (block !== this.#current && this.#spare.length < MOST_SPARE) this.#spare.push(block);
  }
}

/** What one connection has staged and not yet handed over: usually one piece of the current block. */
export class OutboundChain {
  readonly #blocks: OutboundBlocks;
  length = 0;
  #block: Block | null = null;
  #from = 0;
  #to = 0;
  /** Pieces before this one, and their blocks: somebody else wrote in between. */
  #earlier: { readonly bytes: Buffer; readonly block: Block }[] | null = null;

  constructor(blocks: OutboundBlocks) {
    this.#blocks = blocks;
  }

  append(p: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at += BLOCK_SIZE) this.#put(p, at, Math.min(to, at + BLOCK_SIZE));
    this.length += to - from;
  }

  #put(p: Uint8Array, from: number, to: number): void {
    const block = this.#blocks.withRoom(to - from);
    if (this.#block !== block || this.#to !== block.used) {
      if (this.#block !== null) {
        this.#earlier ??= [];
        this.#earlier.push({ bytes: this.#block.bytes.subarray(this.#from, this.#to), block: this.#block });
      }
      this.#block = block;
      this.#from = block.used;
      block.pieces++;
    }
    block.bytes.set(from === 0 && to === p.length ? p : p.subarray(from, to), block.used);
    block.used += to - from;
    this.#to = block.used;
  }

  /**
   * All of it as one buffer, and the chain is empty. The bytes stand still until `done` is called with the second
   * part of the answer; null: they are not in a block.
   */
  take(): { bytes: Buffer; block: Block | null } {
    const block = this.#block!;
    const last = block.bytes.subarray(this.#from, this.#to);
    const earlier = this.#earlier;
    this.length = 0;
    this.#block = null;
    this.#earlier = null;
    if (earlier === null) return { bytes: last, block };
    const bytes = Buffer.concat([...earlier.map((piece) => piece.bytes), last]);
    for (const piece of earlier) this.#blocks.release(piece.block);
    this.#blocks.release(block);
    return { bytes, block: null };
  }

  /** What `take` gave is not needed any more. */
  done(block: Block | null): void {
    if (block !== null) this.#blocks.release(block);
  }

  drop(): void {
    if (this.length > 0) this.done(this.take().block);
  }
}

export type { Block };
