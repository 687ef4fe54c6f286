import assert from 'node:assert/strict';
import { ClosedError, DeadlineExceededError } from 'gopark/net';
import { concat, pattern, sameBytes, text } from '../bytes.ts';
import { readToEnd } from '../peers.ts';
import { rejection, turns, watch } from '../waiting.ts';
import { HUGE, huge, type Row } from './row.ts';

export function writing(row: Row): void {
  row('whole writes never interleave, whatever their size', async (a, b) => {
    const sizes = [1, 100, 5000, 15_000, 16_384, 40_000, 70_000, 200_000];
    const messages = Array.from({ length: 40 }, (_, i) => {
      const bytes = new Uint8Array(8 + sizes[i % sizes.length]!).fill(i + 1);
      new DataView(bytes.buffer).setUint32(0, bytes.length);
      return bytes;
    });
    const receiving = readToEnd(b);
    const counts = await Promise.all(messages.map((message) => a.write(message)));
    assert.deepEqual(
      counts,
      messages.map((message) => message.length),
    );
    await a.close();
    sameBytes(await receiving, concat(messages));
  });

  row("the buffer is the caller's again once the write settled", async (a, b) => {
    const receiving = readToEnd(b);
    const expected: Uint8Array[] = [];
    for (const size of [1, 64, 4096, 16_383, 16_384, 65_536, 65_537, 300_000]) {
      const p = pattern(size, size);
      expected.push(p.slice());
      await a.write(p);
      p.fill(0xaa);
    }
    await a.close();
    sameBytes(await receiving, concat(expected));
  });

  row(
    'an empty write resolves 0 and sends nothing',
    async (a, b) => {
      assert.equal(await a.write(new Uint8Array(0)), 0);
      await a.write(text('only'));
      await a.close();
      sameBytes(await readToEnd(b), text('only'));
    },
    ['buffered'],
  );

  row(
    'a deadline in the middle of a big write: bytesWritten, and exactly those bytes arrive',
    async (a, b) => {
      const big = pattern(1 << 20);
      const whole = new Uint8Array(HUGE / 2);
      for (let at = 0; at < whole.length; at += big.length) whole.set(big, at);
      a.setWriteTimeout(15);
      const error = await rejection(a.write(whole));
      assert.ok(error instanceof DeadlineExceededError);
      const count = error.bytesWritten!;
      assert.ok(count > 0 && count < whole.length);
      a.setWriteTimeout(null);
      const tail = text('and on it goes');
      const receiving = readToEnd(b);
      await a.write(tail);
      await a.close();
      sameBytes(await receiving, concat([whole.subarray(0, count), tail]));
    },
    ['socket'],
  );

  row(
    'close in the middle of a write of 64 MiB: it fails with its count, and no byte beyond that arrives',
    async (a, b) => {
      const writing = watch(a.write(huge()));
      await turns(5);
      assert.ok(writing.pending);
      const closing = watch(a.close());
      await writing.promise;
      assert.ok(writing.outcome.state === 'rejected');
      const error = writing.outcome.error;
      assert.ok(error instanceof ClosedError);
      const received = await readToEnd(b);
      await closing.promise;
      assert.equal(closing.outcome.state, 'resolved');
      assert.equal(received.length, error.bytesWritten);
    },
    ['socket'],
  );
}
