import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { otherwise, recv, select, send, timeout } from 'gopark';
import {
  CloseOfClosedError,
  NotCloneableError,
  SendOnClosedError,
  SharedChan,
  ValueTooLargeError,
} from 'gopark/sync';
import { runChild } from '../../lib/child.ts';
import { ended, said, thread } from '../../lib/threads.ts';
import { stillPending } from '../../lib/waiting.ts';

describe('sync: SharedChan, in one thread', { timeout: 60_000 }, () => {
  test('values arrive as they were, in their order', async () => {
    const ch = new SharedChan<unknown>();
    const values = [
      1,
      -0,
      Number.NaN,
      'text',
      'ü€😀',
      '\ud800 alone',
      '',
      null,
      undefined,
      true,
      10n,
      new Date(5),
      new Uint8Array([1, 2, 3]),
      new Uint8Array(),
      Buffer.from('b'),
      new Float64Array([1.5]),
      [1, { a: new Map([[1, new Set([2])]]) }],
    ];
    for (const value of values) await ch.send(value);
    ch.close();
    const received: unknown[] = [];
    for await (const value of ch) received.push(value);
    assert.deepEqual(
      received.map((value) => (value instanceof Uint8Array ? new Uint8Array(value) : value)),
      values.map((value) => (value instanceof Uint8Array ? new Uint8Array(value) : value)),
    );
  });

  test('a received value is a copy of its own', async () => {
    const ch = new SharedChan<Uint8Array>();
    const p = new Uint8Array([1]);
    await ch.send(p);
    await ch.send(p.fill(2));
    const [first, second] = [await ch.recv(), await ch.recv()];
    assert.deepEqual([...first!, ...second!], [1, 2]);
  });

  test('capacity, length, try', async () => {
    const ch = new SharedChan<number>({ capacity: 2 });
    assert.deepEqual(
      [ch.trySend(1), ch.trySend(2), ch.trySend(3), ch.length, ch.capacity],
      [true, true, false, 2, 2],
    );
    const third = ch.send(3);
    await stillPending(third, 'a send on a full channel');
    assert.equal(await ch.recv(), 1);
    await third;
    assert.deepEqual([ch.tryRecv(), ch.tryRecv(), ch.tryRecv()], [2, 3, undefined]);
    assert.deepEqual(ch.tryRecvOk(), null);
  });

  test('close: what is in it, then the end; senders fail', async () => {
    const ch = new SharedChan<string>({ capacity: 1 });
    await ch.send('a');
    const parked = ch.send('b');
    await stillPending(parked, 'the send');
    ch.close();
    await assert.rejects(parked, SendOnClosedError);
    await assert.rejects(ch.send('c'), SendOnClosedError);
    assert.throws(() => ch.close(), CloseOfClosedError);
    assert.deepEqual(await ch.recvOk(), ['a', true]);
    assert.deepEqual(await ch.recvOk(), [undefined, false]);
    const other = new SharedChan<string>();
    const waiting = [other.recv(), other.recvOk()];
    await stillPending(Promise.race(waiting), 'the receivers');
    other.close();
    assert.deepEqual(await Promise.all(waiting), [undefined, [undefined, false]]);
  });

  test('what cannot be sent is told, and nothing else is lost', async () => {
    const ch = new SharedChan<unknown>({ bytes: 100, capacity: 1 });
    await assert.rejects(
      ch.send(() => {}),
      NotCloneableError,
    );
    await assert.rejects(ch.send('x'.repeat(1000)), ValueTooLargeError);
    await ch.send('fine');
    assert.equal(await ch.recv(), 'fine');
    const failing = new SharedChan<string>({
      codec: {
        encode: (text) => Buffer.from(text),
        decode: (bytes) => {
          const text = Buffer.from(bytes).toString();
          if (text === 'bad') throw new Error('cannot be decoded');
          return text;
        },
      },
    });
    await failing.send('bad');
    await failing.send('good');
    await assert.rejects(failing.recv(), /cannot be decoded/);
    assert.equal(await failing.recv(), 'good');
    const waiting = [failing.recv(), failing.recv()];
    await failing.send('bad');
    await failing.send('good');
    await assert.rejects(waiting[0]!, /cannot be decoded/);
    assert.equal(await waiting[1], 'good');
  });

  test('signals', async () => {
    const ch = new SharedChan<number>({ capacity: 1 });
    const stop = new AbortController();
    const receiving = ch.recv({ signal: stop.signal });
    await stillPending(receiving, 'the receiver');
    stop.abort(new Error('enough'));
    await assert.rejects(receiving, /enough/);
    await assert.rejects(ch.send(1, { signal: stop.signal }), /enough/);
    assert.equal(ch.length, 0);
    await ch.send(1);
    assert.equal(await ch.recv(), 1, 'nobody stands in the way');
  });

  test('select', async () => {
    const [a, b] = [new SharedChan<number>({ capacity: 1 }), new SharedChan<number>({ capacity: 1 })];
    assert.equal(
      await select(
        recv(a),
        otherwise(() => 'none'),
      ),
      'none',
    );
    const waiting = select(
      recv(a, (value) => `a ${value}`),
      recv(b, (value) => `b ${value}`),
    );
    await b.send(2);
    assert.equal(await waiting, 'b 2');
    await a.send(1);
    assert.equal(
      await select(
        send(a, 5, () => 'sent'),
        timeout(5, () => 'full'),
      ),
      'full',
    );
    const sending = select(send(a, 6, () => 'sent'));
    assert.equal(await a.recv(), 1);
    assert.equal(await sending, 'sent');
    assert.equal(await a.recv(), 6);
  });
});

describe('sync: SharedChan, between threads', { timeout: 60_000 }, () => {
  test('to a thread and back, with backpressure, both parking', async () => {
    const [there, back] = [new SharedChan<number>({ capacity: 3 }), new SharedChan<number>({ capacity: 3 })];
    const worker = thread(
      `
      const [there, back] = data.map((handle) => sync.SharedChan.from(handle));
      for await (const n of there) await back.send(2 * n);
      back.close();
      `,
      [there.handle, back.handle],
    );
    const end = ended(worker);
    const sending = (async () => {
      for (let i = 0; i < 20_000; i++) await there.send(i);
      there.close();
    })();
    let expected = 0;
    for await (const n of back) assert.equal(n, 2 * expected++);
    assert.equal(expected, 20_000);
    await sending;
    assert.equal(await end, 0);
  });

  test('many threads on either side: each value once, those of one sender in their order', async () => {
    const jobs = new SharedChan<[sender: number, n: number]>({ capacity: 16, bytes: 256 });
    const results = new SharedChan<[receiver: number, sender: number, n: number]>({ capacity: 5 });
    const each = 3000;
    const senders = [0, 1, 2].map((sender) =>
      ended(
        thread(
          `const jobs = sync.SharedChan.from(data.jobs);
           for (let n = 0; n < ${each}; n++) await jobs.send([data.sender, n]);`,
          { jobs: jobs.handle, sender },
        ),
      ),
    );
    const receivers = [0, 1, 2].map((receiver) =>
      ended(
        thread(
          `const [jobs, results] = [data.jobs, data.results].map((handle) => sync.SharedChan.from(handle));
           const work = async () => { for await (const job of jobs) await results.send([data.receiver, ...job]); };
           await Promise.all([work(), work()]);`,
          { jobs: jobs.handle, results: results.handle, receiver },
        ),
      ),
    );
    Promise.all(senders).then(() => jobs.close());
    Promise.all(receivers).then(() => results.close());
    const seen = [0, 1, 2].map(() => new Set<number>());
    for await (const [, sender, n] of results) {
      assert.ok(!seen[sender]!.has(n), `${n} of ${sender} came twice`);
      seen[sender]!.add(n);
    }
    for (const one of seen) assert.equal(one.size, each);
    assert.deepEqual(await Promise.all([...senders, ...receivers]), [0, 0, 0, 0, 0, 0]);
  });

  test('threads that are ended at any moment hold nobody up', async () => {
    const ch = new SharedChan<number>({ capacity: 4 });
    for (let round = 0; round < 15; round++) {
      const busy = thread(
        `const ch = sync.SharedChan.from(data);
         say('up');
         const send = async () => { for (let i = 0; ; i++) await ch.send(i); };
         const receive = async () => { for (;;) await ch.recv(); };
         await Promise.all([send(), receive(), send()]);`,
        ch.handle,
      );
      await said(busy);
      for (let i = 0; i < 50 * round; i++) if (!ch.trySend(-1)) ch.tryRecv();
      await busy.terminate();
    }
    // What the dead had left is taken, then it works as ever.
    while (ch.tryRecv() !== undefined);
    await ch.send(1);
    assert.equal(await ch.recv(), 1);
    const waiting = ch.recv();
    const last = thread(`await sync.SharedChan.from(data).send(7);`, ch.handle);
    assert.equal(await waiting, 7);
    assert.equal(await ended(last), 0);
  });

  test('who waits keeps its thread alive, and is in the dump', async () => {
    const { stdout, stderr, code } = await runChild(`
      import { SharedChan } from 'gopark/sync';
      import { go, stack } from 'gopark';
      import { Worker } from 'node:worker_threads';
      const ch = new SharedChan();
      go(async () => { console.log('got', await ch.recv()); });
      setImmediate(() => console.log(stack()));
      const code = \`
        import { workerData } from 'node:worker_threads';
        import { SharedChan } from 'gopark/sync';
        await SharedChan.from(workerData).send('late');
      \`;
      setTimeout(() => new Worker(code, { eval: true, workerData: ch.handle }).unref(), 50).unref();
    `);
    assert.match(stdout, /chan receive.*shared chan.*got late\n$/s, stderr);
    assert.equal(code, 0);
  });
});
