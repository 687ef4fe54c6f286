import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockPool, LinkBuffer } from 'gopark/linkbuffer';
import { Block, blockOf } from '#dist/linkbuffer/block.js';

/** What a chain calls; no part of the public face. */
function take(pool: BlockPool, size: number): Block {
  return (pool as unknown as { take(size: number): Block }).take(size);
}

test('blocks are reused, the latest first, and counted', () => {
  const pool = new BlockPool({ blockSize: 64 });
  const [a, b] = [take(pool, 1), take(pool, 64)];
  const large = take(pool, 65);
  assert.deepEqual(pool.stats(), { blocksInUse: 3, bytesInUse: 256, blocksIdle: 0, bytesIdle: 0 });
  a.release();
  b.release();
  large.release();
  assert.deepEqual(pool.stats(), { blocksInUse: 0, bytesInUse: 0, blocksIdle: 3, bytesIdle: 256 });
  assert.equal(take(pool, 10), b);
  assert.equal(take(pool, 10), a);
  assert.notEqual(take(pool, 10), a);
  assert.equal(take(pool, 100), large);
});

test('a block is only back when all who share it have released it', () => {
  const pool = new BlockPool({ blockSize: 64 });
  const block = take(pool, 1);
  block.retain();
  block.release();
  assert.equal(pool.stats().blocksInUse, 1);
  block.release();
  assert.equal(pool.stats().blocksInUse, 0);
  assert.throws(() => block.release(), /more often/);
});

test('an abandoned block never comes back, whoever releases it last', () => {
  const pool = new BlockPool({ blockSize: 64 });
  const block = take(pool, 1);
  block.retain();
  block.abandon();
  block.release();
  assert.deepEqual(pool.stats(), { blocksInUse: 0, bytesInUse: 0, blocksIdle: 0, bytesIdle: 0 });
});

test('no more lies idle than the limit, and nothing above 1 MiB', () => {
  const pool = new BlockPool({ blockSize: 1024, idleLimit: 10 * 1024 });
  const blocks = Array.from({ length: 100 }, () => take(pool, 1024));
  for (const block of blocks) block.release();
  assert.equal(pool.stats().bytesIdle, 10 * 1024);
  const huge = new BlockPool();
  const exact = take(huge, 3 * 1024 * 1024 + 1);
  assert.equal(exact.bytes.length, 3 * 1024 * 1024 + 1);
  exact.release();
  assert.equal(huge.stats().bytesIdle, 0);
});

test('after a burst the pool shrinks to what is used, and to its floor when nothing is', () => {
  const pool = new BlockPool({ blockSize: 1024, idleFloor: 8 * 1024 });
  const burst = Array.from({ length: 1000 }, () => take(pool, 1024));
  const large = Array.from({ length: 10 }, () => take(pool, 64 * 1024));
  for (const block of [...burst, ...large]) block.release();
  assert.equal(pool.stats().blocksIdle, 1010);
  pool.trim();
  // What is needed between two trims stays, though it lies idle at both.
  const few = Array.from({ length: 20 }, () => take(pool, 1024));
  for (const block of few) block.release();
  pool.trim();
  assert.equal(pool.stats().bytesIdle, 20 * 1024);
  pool.trim();
  assert.equal(pool.stats().bytesIdle, 8 * 1024);
  pool.trim();
  assert.equal(pool.stats().bytesIdle, 8 * 1024);
});

test('it trims by itself, without a call and without keeping the process', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pool = new BlockPool({ blockSize: 1024, idleFloor: 0 });
  const blocks = Array.from({ length: 100 }, () => take(pool, 1024));
  for (const block of blocks) block.release();
  t.mock.timers.tick(1000);
  t.mock.timers.tick(1000);
  assert.equal(pool.stats().blocksIdle, 0);
  take(pool, 1).release();
  assert.equal(pool.stats().blocksIdle, 1);
  t.mock.timers.tick(1000);
  t.mock.timers.tick(1000);
  assert.equal(pool.stats().blocksIdle, 0);
});

test('settings that cannot be are refused', () => {
  assert.throws(() => new BlockPool({ blockSize: 7 }), RangeError);
  assert.throws(() => new BlockPool({ idleLimit: -1 }), RangeError);
  assert.throws(() => new BlockPool({ idleFloor: 0.5 }), RangeError);
});

test('allocated memory never shows what another owner left in its block', () => {
  const pool = new BlockPool({ blockSize: 256 });
  const one = new LinkBuffer({ pool });
  const other = new LinkBuffer({ pool });
  for (let round = 0; round < 50; round++) {
    const n = 1 + ((round * 37) % 200);
    if (round % 2 === 0) one.writeBinary(new Uint8Array(n).fill(0x5a));
    else one.malloc(n).fill(0x5a);
    one.publish();
    one.trySkip(n);
    one.release();
    const space = other.malloc(n + 50);
    if (process.env.GOPARK_POISON !== '1')
      assert.ok(
        space.every((byte) => byte === 0),
        `round ${round}`,
      );
    space.fill(0x5b);
    // What is cut off and allocated again is zeroed, too.
    other.mallocAck(n);
    const again = other.malloc(40);
    if (process.env.GOPARK_POISON !== '1')
      assert.ok(
        again.every((byte) => byte === 0),
        `round ${round}`,
      );
    other.publish();
    other.trySkip(other.len);
    other.release();
  }
  assert.equal(pool.stats().blocksInUse, 0);
  assert.ok(pool.stats().blocksIdle <= 3);
});

test('a block knows parts of its memory, and only while it is in use', () => {
  const pool = new BlockPool({ blockSize: 64 });
  const block = take(pool, 1);
  assert.ok(block instanceof Block);
  assert.equal(blockOf(block.bytes.subarray(3, 5)), block);
  assert.equal(blockOf(new Uint8Array(4)), undefined);
  block.release();
  assert.equal(blockOf(block.bytes), undefined);
});
