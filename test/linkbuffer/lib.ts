import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';
import { BlockPool, type BlockPoolOptions, LinkBuffer, type LinkOwner } from 'gopark/linkbuffer';

/** `n` bytes that count up from `from`. */
export function counting(n: number, from = 0): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => from + i);
}

export const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes!).toString('latin1');
export const bytes = (s: string): Uint8Array => new Uint8Array(Buffer.from(s, 'latin1'));
export const list = (view: Uint8Array | null | undefined): number[] => [...view!];

/** An owner that keeps a record of what it is told. */
export class Recorder implements LinkOwner {
  readonly needs: number[] = [];
  drainedCount = 0;
  flushes = 0;

  need(n: number): void {
    this.needs.push(n);
  }

  drained(): void {
    this.drainedCount++;
  }

  async flushed(): Promise<void> {
    this.flushes++;
  }

  closedError(): Error {
    return new Error('the connection is closed');
  }
}

/** A pool for each test of the file; after it every block must be back. */
export function pooled(
  options: BlockPoolOptions = {},
): (settings?: { owner?: LinkOwner }) => LinkBuffer & { readonly pool?: never } {
  let pool: BlockPool;
  const made: LinkBuffer[] = [];
  beforeEach(() => {
    pool = new BlockPool(options);
  });
  afterEach(() => {
    for (const buffer of made.splice(0)) buffer.close();
    assert.equal(pool.stats().blocksInUse, 0, 'blocks are still in use');
    assert.equal(pool.stats().bytesInUse, 0);
  });
  return (settings = {}) => {
    const buffer = new LinkBuffer({ pool, ...settings });
    made.push(buffer);
    return buffer;
  };
}
