import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { recv, select, timeout } from 'gopark';
import {
  BlockGoneError,
  CloseOfClosedError,
  MisuseError,
  SendOnClosedError,
  type SharedBlock,
  SharedBlocks,
  SharedBroadcast,
  type Subscription,
  TooManySendersError,
  TooManySubscribersError,
  ValueTooLargeError,
} from 'gopark/sync';
import { ended, said, thread } from '../../lib/threads.ts';
import { stillPending } from '../../lib/waiting.ts';

type Step = { publish: number } | { receive: number } | { join: true } | { leave: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ publish: fc.nat(60) }) },
  { weight: 8, arbitrary: fc.record({ receive: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ join: fc.constant(true as const) }) },
  { weight: 1, arbitrary: fc.record({ leave: fc.nat(5) }) },
);

describe('sync: SharedBroadcast, in one thread', { timeout: 60_000 }, () => {
  test('everybody gets what was published since, in order, or knows how much not', () => {
    let full = 0;
    let dropped = 0;
    const run = (whenFull: 'wait' | 'drop', capacity: number, bytes: number, steps: Step[]) => {
      const broadcast = new SharedBroadcast<Uint8Array>({ capacity, bytes, subscribers: 6, whenFull });
      const models: { mine: Subscription<Uint8Array>; wanted: number[]; missed: number }[] = [];
      let number = 0;
      for (const one of steps) {
        if ('publish' in one) {
          const value = new Uint8Array(4 + Math.min(one.publish, bytes - 4));
          new DataView(value.buffer).setInt32(0, number);
          if (!broadcast.tryPublish(value)) {
            full++;
            assert.equal(whenFull, 'wait');
            assert.ok(models.some(({ wanted }) => wanted.length > 0));
            continue;
          }
          for (const model of models) model.wanted.push(number);
          number++;
        } else if ('join' in one) {
          if (models.length < 6) models.push({ mine: broadcast.subscribe(), wanted: [], missed: 0 });
          else assert.throws(() => broadcast.subscribe(), TooManySubscribersError);
        } else if ('leave' in one) {
          for (const { mine } of models.splice(one.leave, 1)) mine.close();
        } else if (one.receive < models.length) {
          const model = models[one.receive]!;
          // Its oldest ones are gone, if any.
          model.wanted.splice(0, model.mine.dropped - model.missed);
          model.missed = model.mine.dropped;
          const value = model.mine.tryRecv();
          const got = value === undefined ? undefined : new DataView(value.buffer).getInt32(0);
          assert.equal(got, model.wanted.shift());
        }
        assert.equal(broadcast.subscribers, models.length);
      }
      for (const model of models) {
        model.wanted.splice(0, model.mine.dropped - model.missed);
        dropped += model.mine.dropped;
        assert.equal(model.mine.length, model.wanted.length);
        for (const wanted of model.wanted)
          assert.equal(new DataView(model.mine.tryRecv()!.buffer).getInt32(0), wanted);
        assert.equal(model.mine.tryRecv(), undefined);
        model.mine.close();
      }
    };
    const anything = [fc.nat(6), fc.nat(60), fc.array(step, { maxLength: 150, size: 'max' })] as const;
    for (const whenFull of ['wait', 'drop'] as const) {
      fc.assert(fc.property(...anything, (more, bytes, steps) => run(whenFull, more + 1, bytes + 4, steps)));
    }
    assert.ok(full > 100 && dropped > 100, `${full} full, ${dropped} dropped`);
  });

  test('without subscribers values go nowhere; a new one begins with the next', async () => {
    const broadcast = new SharedBroadcast<string>({ capacity: 1 });
    for (let i = 0; i < 10; i++) await broadcast.publish('nobody');
    const mine = broadcast.subscribe();
    assert.equal(mine.tryRecv(), undefined);
    await broadcast.publish('a');
    assert.deepEqual([await mine.recv(), mine.length], ['a', 0]);
  });

  test("'wait': the publisher waits for the slowest, until that receives or leaves", async () => {
    const broadcast = new SharedBroadcast<number>({ capacity: 1 });
    const [fast, slow] = [broadcast.subscribe(), broadcast.subscribe()];
    await broadcast.publish(1);
    assert.equal(await fast.recv(), 1);
    const second = broadcast.publish(2);
    await stillPending(second, 'the second');
    assert.equal(await slow.recv(), 1);
    await second;
    const third = broadcast.publish(3);
    assert.equal(await fast.recv(), 2);
    await stillPending(third, 'the third');
    slow.close();
    await third;
    assert.equal(await fast.recv(), 3);
    const aborted = new AbortController();
    await broadcast.publish(4);
    const fifth = broadcast.publish(5, { signal: aborted.signal });
    await stillPending(fifth, 'the fifth');
    aborted.abort(new Error('enough'));
    await assert.rejects(fifth, /enough/);
    assert.deepEqual([await fast.recv(), fast.tryRecv()], [4, undefined]);
  });

  test('close: of a subscription, of the broadcast', async () => {
    const broadcast = new SharedBroadcast<string>();
    const [one, two] = [broadcast.subscribe(), broadcast.subscribe()];
    const waiting = one.recv();
    await stillPending(waiting, 'the receiver');
    one.close();
    assert.equal(await waiting, undefined);
    assert.throws(() => one.close(), CloseOfClosedError);
    await broadcast.publish('last');
    broadcast.close();
    const rest: string[] = [];
    for await (const value of two) rest.push(value);
    assert.deepEqual(rest, ['last']);
    await assert.rejects(broadcast.publish('late'), SendOnClosedError);
    assert.throws(() => broadcast.close(), CloseOfClosedError);
  });

  test('misuse is told', async () => {
    const broadcast = new SharedBroadcast<string>({ bytes: 10 });
    const mine = broadcast.subscribe();
    await assert.rejects(broadcast.publish('x'.repeat(20)), ValueTooLargeError);
    await assert.rejects(
      mine.send(),
      (error) => error instanceof MisuseError && error.code === 'ERR_RECEIVE_ONLY',
    );
    assert.throws(() => mine.trySend(), MisuseError);
    for (const bad of [
      { capacity: 0 },
      { bytes: -1 },
      { subscribers: 1.5 },
      { publishers: 0 },
      { whenFull: 'never' },
    ]) {
      assert.throws(() => new SharedBroadcast(bad as object), RangeError);
    }
    assert.throws(() => SharedBroadcast.from({} as never), TypeError);
  });

  test('select takes a subscription', async () => {
    const broadcast = new SharedBroadcast<string>();
    const mine = broadcast.subscribe();
    assert.equal(
      await select(
        recv(mine, (value) => value),
        timeout(1, () => 'late'),
      ),
      'late',
    );
    await broadcast.publish('a');
    assert.equal(
      await select(
        recv(mine, (value) => value),
        timeout(10_000, () => 'late'),
      ),
      'a',
    );
  });

  test('a block is the same memory for all, and goes back when the last has let go of it', async () => {
    const blocks = new SharedBlocks({ count: 3, size: 64 });
    const broadcast = new SharedBroadcast<SharedBlock>({ blocks });
    const subscribers = [broadcast.subscribe(), broadcast.subscribe(), broadcast.subscribe()];
    const publish = async () => {
      const block = await blocks.take();
      block.bytes.fill(7);
      block.length = 5;
      await broadcast.publish(block);
      assert.throws(() => block.bytes, BlockGoneError);
    };
    await publish();
    const [a, b, c] = await Promise.all(subscribers.map(async (one) => (await one.recv())!));
    assert.deepEqual([a!.length, a!.bytes[4]], [5, 7]);
    assert.equal(a!.bytes.byteOffset, b!.bytes.byteOffset);
    await assert.rejects(broadcast.publish(a!), TypeError);
    a!.release();
    b!.release();
    assert.equal(blocks.free, 2);
    c!.release();
    assert.throws(() => c!.release(), BlockGoneError);
    assert.equal(blocks.free, 3);
    // Who leaves lets go of what it has, and of what it has not received.
    await publish();
    const held = (await subscribers[0]!.recv())!;
    await publish();
    assert.equal(blocks.free, 1);
    for (const one of subscribers) one.close();
    assert.throws(() => held.bytes, BlockGoneError);
    assert.equal(blocks.free, 3);
    await publish();
    assert.equal(blocks.free, 3, 'nobody has it');
    assert.throws(() => new SharedBroadcast({ blocks }), TypeError);
  });

  test('a block that is dropped goes back', async () => {
    const blocks = new SharedBlocks({ count: 4, size: 8 });
    const broadcast = new SharedBroadcast<SharedBlock>({ blocks, capacity: 2, whenFull: 'drop' });
    const [fast, slow] = [broadcast.subscribe(), broadcast.subscribe()];
    for (let i = 0; i < 50; i++) {
      const block = await blocks.take();
      block.bytes[0] = i;
      await broadcast.publish(block);
      (await fast.recv())!.release();
    }
    assert.deepEqual([fast.dropped, slow.dropped, slow.length, blocks.free], [0, 48, 2, 2]);
    const left = [(await slow.recv())!, (await slow.recv())!];
    assert.deepEqual(
      left.map((block) => block.bytes[0]),
      [48, 49],
    );
    for (const block of left) block.release();
    assert.equal(blocks.free, 4);
  });
});

const listen = `
  const ticks = sync.SharedBroadcast.from(data.ticks);
  const mine = ticks.subscribe();
  say('up');
`;

describe('sync: SharedBroadcast, between threads', { timeout: 120_000 }, () => {
  test('each thread gets all of all publishers, each publisher in order', async () => {
    const THREADS = 3;
    const COUNT = 3000;
    const ticks = new SharedBroadcast<string>({ capacity: 64, bytes: 1024 });
    const workers = Array.from({ length: THREADS }, (_, i) =>
      thread(
        `${listen}
        await new Promise((resolve) => parentPort.once('message', resolve));
        const publishing = (async () => {
          for (let n = 0; n < ${COUNT}; n++) await ticks.publish(data.i + ' ' + n + ' ' + 'x'.repeat(n % 100));
        })();
        const next = new Array(${THREADS}).fill(0);
        for (let left = ${THREADS * COUNT}; left > 0; left--) {
          const [from, n, x] = (await mine.recv()).split(' ');
          if (Number(n) !== next[from]++ || x.length !== n % 100) throw new Error('got ' + from + ' ' + n);
        }
        await publishing;
        say([mine.length, mine.dropped]);
        `,
        { ticks: ticks.handle, i },
      ),
    );
    const ends = workers.map(ended);
    await Promise.all(workers.map(said));
    for (const worker of workers) worker.postMessage('go');
    assert.deepEqual(await Promise.all(workers.map(said)), Array(THREADS).fill([0, 0]));
    assert.deepEqual(await Promise.all(ends), Array(THREADS).fill(0));
    assert.equal(ticks.subscribers, 0, 'who ends by itself leaves');
  });

  test("'drop': who is slow loses its oldest, counts them, and holds up nobody", async () => {
    const ticks = new SharedBroadcast<number>({ capacity: 16, whenFull: 'drop' });
    const worker = thread(
      `${listen}
      let received = 0;
      let last = -1;
      for await (const n of mine) {
        if (n <= last) throw new Error(n + ' after ' + last);
        last = n;
        received++;
        for (let until = performance.now() + 0.05; performance.now() < until; );
      }
      say([received + mine.dropped, last]);
      `,
      { ticks: ticks.handle },
    );
    await said(worker);
    for (let n = 0; n < 20_000; n++) assert.ok(ticks.tryPublish(n));
    ticks.close();
    assert.deepEqual(await said(worker), [20_000, 19_999]);
  });

  test('a thread that was ended is taken out, and who waited for it goes on', async () => {
    const blocks = new SharedBlocks({ count: 8, size: 16 });
    const ticks = new SharedBroadcast<SharedBlock>({ capacity: 4, publishers: 2, blocks });
    const mine = ticks.subscribe();
    const worker = thread(
      `
      const blocks = sync.SharedBlocks.from(data.blocks);
      const ticks = sync.SharedBroadcast.from(data.ticks, { blocks });
      const mine = ticks.subscribe();
      await ticks.publish(await blocks.take());
      const held = [await mine.recv(), await blocks.take()];
      say('up');
      setInterval(() => held, 1000);
      `,
      { ticks: ticks.handle, blocks: blocks.handle },
    );
    await said(worker);
    (await mine.recv())!.release();
    const publish = async () => ticks.publish(await blocks.take());
    for (let i = 0; i < 4; i++) await publish();
    for (let i = 0; i < 4; i++) (await mine.recv())!.release();
    const waiting = publish();
    await stillPending(waiting, 'for the thread that receives nothing');
    const { threadId } = worker;
    await worker.terminate();
    assert.equal(ticks.reclaim(threadId), 1);
    assert.equal(blocks.reclaim(threadId), 1);
    await waiting;
    (await mine.recv())!.release();
    assert.deepEqual([blocks.free, ticks.subscribers, ticks.reclaim(threadId)], [8, 1, 0]);
  });

  test('threads that are ended at any instant: the others miss nothing', async () => {
    const ticks = new SharedBroadcast<number>({ capacity: 32, subscribers: 4, publishers: 2 });
    const mine = ticks.subscribe();
    let received = 0;
    const receiving = (async () => {
      for await (const n of mine) assert.equal(n, received++);
    })();
    let published = 0;
    let publishing = true;
    const publisher = (async () => {
      while (publishing) await ticks.publish(published++);
    })();
    for (let round = 0; round < 8; round++) {
      const worker = thread(`${listen} for await (const n of mine);`, { ticks: ticks.handle });
      await said(worker);
      const { threadId } = worker;
      const until = published + Math.floor(Math.random() * 1000);
      while (published < until) await new Promise((resolve) => setImmediate(resolve));
      await worker.terminate();
      assert.equal(ticks.reclaim(threadId), 1);
    }
    publishing = false;
    await publisher;
    ticks.close();
    await receiving;
    assert.equal(received, published);
  });

  test('more publishing threads than it was made for', async () => {
    const ticks = new SharedBroadcast<number>({ publishers: 1 });
    await ticks.publish(1);
    const worker = thread(
      `
      const ticks = sync.SharedBroadcast.from(data.ticks);
      await ticks.publish(2).catch((error) => say(error.code));
      `,
      { ticks: ticks.handle },
    );
    assert.equal(await said(worker), new TooManySendersError().code);
  });
});
