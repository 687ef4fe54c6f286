import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BlockGoneError, type SharedBlock, SharedBlocks, SharedChan } from 'gopark/sync';
import { ended, said, thread } from '../../lib/threads.ts';
import { stillPending } from '../../lib/waiting.ts';

describe('sync: SharedBlocks', { timeout: 60_000 }, () => {
  test('a block goes to another thread and back without a copy', async () => {
    const blocks = new SharedBlocks({ count: 2, size: 1024 });
    const [there, back] = [new SharedChan<SharedBlock>({ blocks }), new SharedChan<SharedBlock>({ blocks })];
    const worker = thread(
      `
      const blocks = sync.SharedBlocks.from(data.blocks);
      const [there, back] = [data.there, data.back].map((handle) => sync.SharedChan.from(handle, { blocks }));
      for await (const block of there) {
        for (let i = 0; i < block.length; i++) block.bytes[i] += 1;
        await back.send(block);
      }
      `,
      { blocks: blocks.handle, there: there.handle, back: back.handle },
    );
    const end = ended(worker);
    for (let round = 0; round < 100; round++) {
      const block = await blocks.take();
      block.length = 10 + round;
      block.bytes.fill(round, 0, block.length);
      const { bytes } = block;
      await there.send(block);
      assert.throws(() => block.bytes, BlockGoneError);
      assert.throws(() => block.release(), BlockGoneError);
      const received = (await back.recv())!;
      assert.equal(received.length, 10 + round);
      assert.ok(received.bytes.subarray(0, received.length).every((byte) => byte === round + 1));
      assert.equal(bytes[0], round + 1, 'the same memory');
      received.release();
    }
    there.close();
    assert.equal(await end, 0);
    assert.equal(blocks.free, 2);
  });

  test('take waits until one is released', async () => {
    const blocks = new SharedBlocks({ count: 1, size: 8 });
    const block = blocks.tryTake()!;
    assert.equal(blocks.tryTake(), undefined);
    const waiting = blocks.take();
    await stillPending(waiting, 'take');
    block.release();
    (await waiting).release();
    assert.equal(blocks.free, 1);
  });

  test("a block that could not be sent is still its holder's", async () => {
    const blocks = new SharedBlocks({ count: 2, size: 8 });
    const ch = new SharedChan<SharedBlock>({ blocks, capacity: 1 });
    const block = await blocks.take();
    assert.equal(ch.trySend(await blocks.take()), true);
    assert.equal(ch.trySend(block), false);
    block.bytes.fill(1);
    ch.close();
    await assert.rejects(ch.send(block));
    block.release();
    (await ch.recv())!.release();
    assert.equal(blocks.free, 2);
    await assert.rejects(new SharedChan<SharedBlock>().send(await blocks.take()), TypeError);
  });

  test('what a dead thread had is given back, and nothing else', async () => {
    const blocks = new SharedBlocks({ count: 10, size: 8 });
    const ch = new SharedChan<SharedBlock>({ blocks });
    const mine = await blocks.take();
    const worker = thread(
      `
      const blocks = sync.SharedBlocks.from(data.blocks);
      const ch = sync.SharedChan.from(data.ch, { blocks });
      const held = [];
      for (let i = 0; i < 4; i++) held.push(await blocks.take());
      await ch.send(held[0]);
      say('up');
      setInterval(() => held, 1000);
      `,
      { blocks: blocks.handle, ch: ch.handle },
    );
    await said(worker);
    const { threadId } = worker;
    await worker.terminate();
    assert.equal(blocks.free, 5);
    assert.equal(blocks.reclaim(threadId), 3);
    assert.equal(blocks.free, 8);
    (await ch.recv())!.release();
    mine.release();
    assert.equal(blocks.free, 10);
    assert.throws(() => blocks.reclaim(0), RangeError);
  });
});
