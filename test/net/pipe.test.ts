import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { copy, readAll, readFull } from 'gopark/io';
import { type Conn, DeadlineExceededError, OpError, pipe } from 'gopark/net';
import { spend } from '#dist/runtime/budget.js';
import { pattern, sameBytes, text } from '../lib/bytes.ts';
import { runChild } from '../lib/child.ts';
import { connSuite } from '../lib/conn-suite.ts';
import { busy, rejection, stillPending, turns, watch } from '../lib/waiting.ts';

connSuite<Conn>(
  'pipe in memory',
  async () => {
    const [a, b] = pipe();
    return { a, b };
  },
  new Set(),
);

describe('pipe in memory: what sockets do not do', () => {
  test('a write waits until all of it was read, however small the reads', async () => {
    const [a, b] = pipe();
    const writing = a.write(text('abcdef'));
    await stillPending(writing, 'the write');
    const p = new Uint8Array(4);
    assert.equal(await b.read(p), 4);
    await stillPending(writing, 'the rest of it');
    assert.equal(await b.read(p), 2);
    assert.equal(await writing, 6);
    sameBytes(p.subarray(0, 2), text('ef'));
  });

  test('PIPE-2 the order of what is wrong: closed here, closed there, too late', async () => {
    const [a, b] = pipe();
    a.setTimeout(-1);
    assert.ok((await rejection(a.read(new Uint8Array(1)))) instanceof DeadlineExceededError);
    await b.close();
    assert.equal(await a.read(new Uint8Array(1)), null);
    const broken = await rejection(a.write(text('x')));
    assert.deepEqual(
      [broken.code, broken.op, broken.net, broken.bytesWritten],
      ['EPIPE', 'write', 'pipe', 0],
    );
    await a.close();
    assert.equal((await rejection(a.read(new Uint8Array(1)))).code, 'ERR_CLOSED');
    assert.equal((await rejection(a.write(text('x')))).code, 'ERR_CLOSED');
  });

  test('PIPE-4 time out, abort and close in the middle of a write: what was read counts', async () => {
    for (const [end, code] of [
      ['deadline', 'ERR_DEADLINE_EXCEEDED'],
      ['abort', 'ERR_ABORTED'],
      ['close', 'ERR_CLOSED'],
      ['peer', 'EPIPE'],
    ] as const) {
      const [a, b] = pipe();
      const controller = new AbortController();
      const writing = watch(a.write(pattern(100), { signal: controller.signal }));
      assert.equal(await readFull(b, new Uint8Array(30)), 30);
      if (end === 'deadline') a.setWriteTimeout(0);
      else if (end === 'abort') controller.abort('enough');
      else if (end === 'close') a.closeNow();
      else b.closeNow();
      await writing.promise;
      const { outcome } = writing;
      assert.ok(outcome.state === 'rejected' && outcome.error instanceof OpError, end);
      assert.deepEqual([outcome.error.code, outcome.error.bytesWritten], [code, 30]);
    }
  });

  test('a buffer that is transferred away while its call waits: that call fails, the others go on', async () => {
    const [a, b] = pipe();
    const lost = new Uint8Array(4);
    const reading = watch(b.read(lost));
    const kept = new Uint8Array(4);
    const next = b.read(kept);
    structuredClone(lost, { transfer: [lost.buffer] });
    await a.write(text('abcd'));
    await reading.promise;
    assert.ok(reading.outcome.state === 'rejected');
    assert.equal((reading.outcome.error as OpError).code, 'ERR_BUFFER_DETACHED');
    assert.equal(await next, 4);
    sameBytes(kept, text('abcd'));
    const gone = text('gone');
    const writing = watch(a.write(gone));
    const last = a.write(text('last'));
    structuredClone(gone, { transfer: [gone.buffer as ArrayBuffer] });
    assert.equal(await b.read(kept), 4);
    await last;
    await writing.promise;
    sameBytes(kept, text('last'));
    assert.ok(writing.outcome.state === 'rejected');
    assert.equal((writing.outcome.error as OpError).code, 'ERR_BUFFER_DETACHED');
  });

  test('two goroutines that keep each other busy leave the others their turns', async () => {
    const [a, b] = pipe();
    let running = true;
    const feeding = (async () => {
      while (running) await a.write(text('x'));
      await a.close();
    })();
    const reading = readAll(b);
    // Immediates come at all.
    await turns(20);
    running = false;
    await feeding;
    assert.ok((await reading).length > 0);
  });

  test('bytes that came before the deadline win, also when they had to wait for their turn', async () => {
    const [a, b] = pipe();
    const p = new Uint8Array(8);
    const reading = a.read(p);
    // The time of all goroutines together is used up: what meets now is put off.
    busy(15);
    while (!spend());
    const writing = b.write(text('in time'));
    a.setReadTimeout(5);
    busy(30);
    assert.equal(await reading, 7);
    assert.equal(await writing, 7);
    assert.ok((await rejection(a.read(p))) instanceof DeadlineExceededError);
  });

  test('copies of io go through it, megabytes of them', async () => {
    const [a, b] = pipe();
    const [c, d] = pipe();
    const sent = pattern(3 << 20);
    const received = readAll(d);
    const proxy = copy(c, b).then(() => c.close());
    await a.write(sent);
    await a.close();
    await proxy;
    sameBytes(await received, sent);
  });

  test('a deadline holds the process while somebody waits for it, and only then', async () => {
    const ended = await runChild(`
      import { pipe } from 'gopark/net';
      const [a] = pipe();
      a.setReadTimeout(30);
      await a.read(new Uint8Array(1)).catch((error) => console.log(error.code));
      a.setTimeout(60_000);
    `);
    assert.deepEqual([ended.code, ended.stdout], [0, 'ERR_DEADLINE_EXCEEDED\n'], ended.stderr);
  });

  test('both ends asleep for ever: a deadlock, and the program says so', async () => {
    const ended = await runChild(`
      import { go } from 'gopark';
      import { pipe } from 'gopark/net';
      const [a] = pipe();
      await go(() => a.read(new Uint8Array(1))).done;
    `);
    assert.equal(ended.code, 2, ended.stderr);
    assert.match(ended.stderr, /all goroutines are asleep - deadlock!/);
    assert.match(ended.stderr, /read pipe/);
  });
});
