import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { WriteBufferFullError } from 'gopark/eventloop';
import { readAll } from 'gopark/io';
import { pattern, sameBytes } from '../../lib/bytes.ts';
import { until } from '../../lib/waiting.ts';
import { bytes, quietErrors, withLoop } from '../lib.ts';

const MiB = 1024 * 1024;

describe("better where Netpoll's users suffer: writing", { timeout: 120_000 }, () => {
  test('N-12: a flush that a write deadline cut: everything arrives once, in order, with the next one', async () => {
    const first = pattern(16 * MiB, 1);
    const second = pattern(1000, 2);
    let cut: unknown;
    let done = false;
    await withLoop(
      {
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          conn.setWriteTimeout(30);
          conn.writer.writeBinary(first);
          cut = await conn.writer.flush().catch((error: unknown) => error);
          conn.setWriteTimeout(null);
          conn.writer.writeBinary(second);
          await conn.writer.flush();
          done = true;
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await client.closeWrite();
        await until(() => cut !== undefined, 'the deadline');
        assert.equal((cut as { code: string }).code, 'ERR_DEADLINE_EXCEEDED');
        await later(10);
        assert.equal(done, false);
        const all = await readAll(client);
        sameBytes(all.subarray(0, first.length), first);
        sameBytes(all.subarray(first.length), second);
      },
    );
  });

  test('writes are bounded, with a named policy: close', async () => {
    const errors = quietErrors();
    let reason: unknown;
    await withLoop(
      {
        whenFull: 'close',
        writeHighWater: MiB,
        onConnect: (conn) =>
          conn.addCloseCallback(() => {
            reason = conn.reason;
          }),
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          while (conn.isActive) {
            conn.writer.writeBinary(new Uint8Array(100_000));
            await conn.writer.flush().catch(() => {});
            await later(0);
          }
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => reason !== undefined, 'the connection to be closed');
        assert.ok(reason instanceof WriteBufferFullError);
      },
    );
    errors.restore();
  });

  test('writes are bounded, with a named policy: error drops what it refuses, whole; what was taken arrives', async () => {
    let taken = 0;
    let refused = 0;
    const message = (i: number) => pattern(50_000, i);
    await withLoop(
      {
        whenFull: 'error',
        writeHighWater: MiB,
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          while (refused < 10) {
            conn.writer.writeBinary(message(taken + 1));
            try {
              await conn.writer.flush();
              taken++;
            } catch (error) {
              assert.ok(error instanceof WriteBufferFullError);
              refused++;
            }
          }
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await client.closeWrite();
        await until(() => refused === 10, 'refusals');
        const all = await readAll(client);
        assert.equal(all.length, taken * 50_000);
        for (let i = 0; i < taken; i++) sameBytes(all.subarray(i * 50_000, (i + 1) * 50_000), message(i + 1));
      },
    );
  });

  test('writes are bounded, with a named policy: wait: a handler that does not wait is not called while its answer waits', async () => {
    let calls = 0;
    const answer = new Uint8Array(MiB);
    await withLoop(
      {
        onRequest(conn) {
          calls++;
          conn.reader.trySkip(1);
          conn.writer.writeBinary(answer);
          conn.writer.flush();
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(new Uint8Array(100));
        let last = -1;
        while (calls !== last) {
          last = calls;
          await later(100);
        }
        assert.ok(calls < 50, `${calls} answers of 1 MiB wait`);
        await client.closeWrite();
        assert.equal((await readAll(client)).length, 100 * MiB);
        assert.equal(calls, 100);
      },
    );
  });

  test('writeTimeout: a peer that does not read its answer is cut off', async () => {
    const errors = quietErrors();
    let reason: unknown;
    await withLoop(
      {
        writeTimeout: 50,
        onConnect: (conn) =>
          conn.addCloseCallback(() => {
            reason = conn.reason;
          }),
        onRequest(conn) {
          conn.reader.trySkip(conn.len);
          conn.writer.writeBinary(new Uint8Array(32 * MiB));
          conn.writer.flush();
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => reason !== undefined, 'the connection to be closed');
        assert.equal((reason as { code: string }).code, 'ERR_DEADLINE_EXCEEDED');
      },
    );
    errors.restore();
  });
});
