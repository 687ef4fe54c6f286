import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numGoroutine, stack } from 'gopark';
import type { Connection } from 'gopark/eventloop';
import { until } from '../lib/waiting.ts';
import { bytes, withLoop } from './lib.ts';

test('a handler that waits is a goroutine, and the dump says on what; one that does not is none', async () => {
  const before = numGoroutine();
  await withLoop(
    {
      async onRequest(conn: Connection) {
        const header = conn.reader.tryNext(1);
        if (header?.[0] === 0x2e) return;
        await conn.reader.next(10);
      },
    },
    async ({ connect }) => {
      const conn = await connect();
      await conn.write(bytes('1234'));
      await until(() => numGoroutine() > before, 'the goroutine');
      const dump = stack();
      assert.match(
        dump,
        /goroutine ~?\d+ onRequest \[IO wait.*\]: next tcp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+, 3 of 10 bytes/,
      );
      await conn.write(bytes('5678901'));
      await until(() => numGoroutine() === before, 'its end');
    },
  );
});
