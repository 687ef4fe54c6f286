import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chan, go } from 'gopark';
import { CloseOfClosedError, MisuseError, SendOnClosedError } from 'gopark/sync';
import { waitCount } from '#dist/runtime/waits.js';
import { rejection, stillPending, turns, watch } from '../lib/waiting.ts';
import { waiting } from './inside.ts';

describe('channel', () => {
  test('CH-1 without a buffer a send waits for its receiver', async () => {
    const ch = chan<number>();
    const sending = watch(ch.send(1));
    await turns(3);
    assert.ok(sending.pending);
    assert.deepEqual([ch.length, ch.capacity], [0, 0]);
    assert.equal(await ch.recv(), 1);
    await sending.promise;
    assert.equal(sending.outcome.state, 'resolved');
  });

  test('CH-1 a buffer takes as many as it has room for, in order', async () => {
    const ch = chan<number>(3);
    for (let i = 0; i < 3; i++) await ch.send(i);
    assert.deepEqual([ch.length, ch.capacity], [3, 3]);
    const fourth = watch(ch.send(3));
    await turns(3);
    assert.ok(fourth.pending);
    assert.equal(await ch.recv(), 0);
    await fourth.promise;
    assert.equal(ch.length, 3);
    assert.deepEqual([await ch.recv(), await ch.recv(), await ch.recv()], [1, 2, 3]);
    assert.equal(ch.length, 0);
  });

  test('CH-1 waiting senders and receivers are served in their order', async () => {
    for (const capacity of [0, 1, 5]) {
      const ch = chan<number>(capacity);
      const order: number[] = [];
      const sends = Array.from({ length: 20 }, (_, i) => ch.send(i).then(() => order.push(i)));
      for (let i = 0; i < 20; i++) assert.equal(await ch.recv(), i);
      await Promise.all(sends);
      assert.deepEqual(
        order,
        Array.from({ length: 20 }, (_, i) => i),
      );
      const receives = Array.from({ length: 20 }, () => ch.recv());
      for (let i = 0; i < 20; i++) assert.ok(ch.trySend(i));
      assert.deepEqual(
        await Promise.all(receives),
        Array.from({ length: 20 }, (_, i) => i),
      );
    }
  });

  test('CH-2 after close: what is buffered, then the end, again and again', async () => {
    const ch = chan<number>(3);
    await ch.send(1);
    await ch.send(2);
    ch.close();
    assert.deepEqual(await ch.recvOk(), [1, true]);
    assert.equal(await ch.recv(), 2);
    for (let i = 0; i < 3; i++) {
      assert.equal(await ch.recv(), undefined);
      assert.deepEqual(await ch.recvOk(), [undefined, false]);
      assert.equal(ch.tryRecv(), undefined);
      assert.deepEqual(ch.tryRecvOk(), [undefined, false]);
    }
  });

  test('CH-2 close wakes every waiting receiver', async () => {
    const ch = chan<number>();
    const waits = waitCount();
    const plain = ch.recv();
    const ok = ch.recvOk();
    const next = ch[Symbol.asyncIterator]().next();
    assert.equal(waitCount(), waits + 3);
    ch.close();
    assert.deepEqual(
      [await plain, await ok, await next],
      [undefined, [undefined, false], { value: undefined, done: true }],
    );
    assert.equal(waitCount(), waits);
  });

  test('CH-3 send on closed, before or meanwhile, and close of closed are errors', async () => {
    const ch = chan<number>(1);
    await ch.send(1);
    const parked = [rejection(ch.send(2)), rejection(ch.send(3))];
    ch.close();
    for (const error of [...(await Promise.all(parked)), await rejection(ch.send(4))]) {
      assert.ok(error instanceof SendOnClosedError && error instanceof MisuseError);
      assert.equal(error.code, 'ERR_CHAN_CLOSED');
      assert.equal(error.name, 'SendOnClosedError');
    }
    assert.throws(() => ch.trySend(5), SendOnClosedError);
    assert.throws(() => ch.close(), CloseOfClosedError);
    assert.deepEqual(
      [await ch.recvOk(), await ch.recvOk()],
      [
        [1, true],
        [undefined, false],
      ],
    );
  });

  test('CH-6 for await ends on close; leaving it early loses nothing', async () => {
    const ch = chan<number>(10);
    for (let i = 0; i < 6; i++) await ch.send(i);
    const seen: number[] = [];
    for await (const value of ch) {
      seen.push(value);
      if (value === 2) break;
    }
    assert.equal(ch.closed, false);
    ch.close();
    for await (const value of ch) seen.push(value);
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5]);
  });

  test('CH-7 who tries finds a waiting partner, else nothing happens', async () => {
    const ch = chan<number>();
    assert.equal(ch.trySend(1), false);
    assert.equal(ch.tryRecv(), undefined);
    assert.equal(ch.tryRecvOk(), null);
    const receiving = ch.recv();
    assert.equal(ch.trySend(2), true);
    assert.equal(await receiving, 2);
    const sending = ch.send(3);
    assert.deepEqual(ch.tryRecvOk(), [3, true]);
    await sending;
  });

  test('undefined is a value like any other', async () => {
    const ch = chan<undefined>(2);
    await ch.send(undefined);
    assert.equal(ch.length, 1);
    assert.deepEqual(await ch.recvOk(), [undefined, true]);
    const next = ch[Symbol.asyncIterator]().next();
    await ch.send(undefined);
    assert.deepEqual(await next, { value: undefined, done: false });
  });

  test('a promise goes through recvOk as it is', async () => {
    const ch = chan<{ inner: Promise<number> }>(1);
    const sent = { inner: Promise.resolve(5) };
    await ch.send(sent);
    assert.equal((await ch.recvOk())[0], sent);
  });

  test('a signal ends a wait and leaves nothing behind; the others keep their places', async () => {
    const ch = chan<number>();
    const waits = waitCount();
    for (const begin of [
      (options: { signal: AbortSignal }) => ch.recv(options),
      (options: { signal: AbortSignal }) => ch.recvOk(options),
      (options: { signal: AbortSignal }) => ch.send(9, options),
    ]) {
      const controller = new AbortController();
      const ended = rejection(begin(controller));
      assert.equal(waiting(ch), 1);
      const reason = new Error('enough');
      controller.abort(reason);
      assert.equal(await ended, reason);
      assert.equal(waiting(ch), 0);
      assert.equal(await rejection(begin(controller)), reason, 'a signal that has fired');
    }
    const controller = new AbortController();
    const first = ch.recv();
    const second = rejection(ch.recv(controller));
    const third = ch.recv();
    controller.abort();
    await second;
    assert.ok(ch.trySend(1) && ch.trySend(3) && !ch.trySend(4));
    assert.deepEqual([await first, await third], [1, 3]);
    assert.equal(waitCount(), waits);
  });

  test('a signal that has fired refuses what needs no waiting, too', async () => {
    const ch = chan<number>(2);
    await ch.send(1);
    const signal = AbortSignal.abort(new Error('gone'));
    assert.equal((await rejection(ch.recv({ signal }))).message, 'gone');
    assert.equal((await rejection(ch.send(2, { signal }))).message, 'gone');
    assert.equal(ch.length, 1);
  });

  test('a signal that fires after the value was handed over changes nothing', async () => {
    for (const capacity of [0, 1]) {
      const ch = chan<number>(capacity);
      const controller = new AbortController();
      const receiving = ch.recv(controller);
      assert.ok(ch.trySend(7));
      controller.abort();
      assert.equal(await receiving, 7);
    }
  });

  test('bad arguments are told at once', async () => {
    for (const capacity of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => chan(capacity), { code: 'ERR_OUT_OF_RANGE', name: 'ArgumentRangeError' });
    }
    assert.throws(() => chan('1' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    const ch = chan(1);
    assert.equal((await rejection(ch.send(1, { signal: 5 as never }))).code, 'ERR_INVALID_ARG_TYPE');
    assert.equal((await rejection(ch.recv({ signal: {} as never }))).code, 'ERR_INVALID_ARG_TYPE');
    await ch.send(1, {});
    assert.equal(await ch.recv({ signal: undefined }), 1);
  });

  test('I-17 many senders and receivers: nothing lost, nothing twice, each sender in its order', async () => {
    for (const capacity of [0, 1, 7, 64]) {
      const ch = chan<{ sender: number; n: number }>(capacity);
      const senders = Array.from({ length: 16 }, (_, sender) =>
        go(async () => {
          for (let n = 0; n < 200; n++) await ch.send({ sender, n });
        }),
      );
      const order: { sender: number; n: number }[] = [];
      const receivers = Array.from({ length: 12 }, () =>
        go(async () => {
          const mine: { sender: number; n: number }[] = [];
          for await (const item of ch) {
            mine.push(item);
            order.push(item);
          }
          return mine;
        }),
      );
      await Promise.all(senders.map(({ done }) => done));
      ch.close();
      const received = await Promise.all(receivers.map(({ done }) => done));
      assert.equal(order.length, 16 * 200);
      assert.equal(new Set(order).size, order.length);
      for (let sender = 0; sender < 16; sender++) {
        for (const mine of received) {
          const ns = mine.filter((item) => item.sender === sender).map(({ n }) => n);
          assert.deepEqual(
            ns,
            ns.toSorted((a, b) => a - b),
          );
        }
      }
    }
  });

  test('a sieve of primes: a chain of goroutines', async () => {
    let ch = chan<number>();
    const first = ch;
    go(async () => {
      for (let i = 2; ; i++) await first.send(i);
    }).unref();
    const primes: number[] = [];
    for (let i = 0; i < 40; i++) {
      const prime = (await ch.recv())!;
      primes.push(prime);
      const from: typeof ch = ch;
      const to = chan<number>();
      go(async () => {
        for (;;) {
          const n = (await from.recv())!;
          if (n % prime !== 0) await to.send(n);
        }
      }).unref();
      ch = to;
    }
    assert.equal(primes.at(-1), 173);
  });

  test('what was received is not held any more', async () => {
    const ch = chan<object>(4);
    let registry: FinalizationRegistry<void> | null = null;
    const collected = new Promise<void>((resolve) => {
      registry = new FinalizationRegistry<void>(() => resolve());
    });
    (() => {
      const value = {};
      registry!.register(value, undefined);
      ch.trySend(value);
      ch.tryRecv();
    })();
    const pressing = setInterval(() => globalThis.gc!(), 5);
    await collected;
    clearInterval(pressing);
    assert.equal(ch.length, 0);
  });

  test('a goroutine that sends on a closed channel ends the process: it is a bug, not an I/O error', async () => {
    const { runChild } = await import('../lib/child.ts');
    const ended = await runChild(
      `import { chan, go } from 'gopark';
      const ch = chan();
      ch.close();
      go(async function producer() { await ch.send(1); });`,
    );
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /^panic: SendOnClosedError: send on closed channel/);
  });

  test('waiting for ever is waiting', async () => {
    await stillPending(chan().recv(), 'a receive');
  });
});
