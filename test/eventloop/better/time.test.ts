import assert from 'node:assert/strict';
import { connect as rawConnect } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { until } from '../../lib/waiting.ts';
import { bytes, text, withLoop } from '../lib.ts';

describe("better where Netpoll's users suffer: time and turns", { timeout: 120_000 }, () => {
  test('N-13: a deadline set into the past wakes a call that waits; readTimeout counts for each wait', async () => {
    const outcome: string[] = [];
    await withLoop(
      {
        readTimeout: 30,
        async onRequest(conn) {
          conn.reader.trySkip(conn.len);
          await conn.reader.next(1).catch((error) => outcome.push(error.code));
          const waiting = conn.reader.next(1);
          conn.setReadDeadline(new Date(0));
          await waiting.catch((error) => outcome.push(error.code));
          conn.setReadDeadline(null);
          outcome.push(text((await conn.reader.next(1))!));
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => outcome.length === 2, 'two timeouts');
        await client.write(bytes('y'));
        await until(() => outcome.length === 3, 'the byte');
        assert.deepEqual(outcome, ['ERR_DEADLINE_EXCEEDED', 'ERR_DEADLINE_EXCEEDED', 'y']);
      },
    );
  });

  test('idleTimeout: who is silent is closed, who is not stays, who is at work stays', async () => {
    await withLoop(
      {
        // Longer than a busy machine lets anybody wait between two pings.
        idleTimeout: 800,
        async onRequest({ reader, writer }) {
          const word = reader.tryReadString(reader.len)!;
          if (word === 'work') await later(1200);
          writer.writeString(word);
          await writer.flush();
        },
      },
      async ({ connect, loop }) => {
        const [silent, busy, working] = await Promise.all([connect(), connect(), connect()]);
        await working.write(bytes('work'));
        const p = new Uint8Array(10);
        const ended = silent.read(p).then((n) => assert.equal(n, null));
        for (let i = 0; i < 40; i++) {
          await busy.write(bytes('ping'));
          assert.equal(await busy.read(p), 4);
          await later(30);
        }
        await ended;
        assert.equal(text(p.subarray(0, (await working.read(p))!)), 'work');
        await until(() => loop.connections === 0, 'all to be closed in the end');
      },
    );
  });

  test('N-25: one connection streams, others ping: these get their turn', async () => {
    await withLoop(
      {
        onRequest(conn) {
          conn.moveTo(conn);
          conn.writer.flush();
        },
      },
      async ({ connect, listener }) => {
        const raw = rawConnect(Number(String(listener.addr).split(':')[1]), '127.0.0.1');
        raw.on('data', () => {});
        let flooding = true;
        const chunk = new Uint8Array(256 * 1024);
        const flood = () => {
          while (flooding && raw.write(chunk));
          if (flooding) raw.once('drain', flood);
        };
        flood();
        const pings = await Promise.all(Array.from({ length: 20 }, connect));
        const p = new Uint8Array(4);
        let slowest = 0;
        for (let round = 0; round < 10; round++) {
          for (const conn of pings) {
            const start = performance.now();
            await conn.write(bytes('ping'));
            await conn.read(p);
            slowest = Math.max(slowest, performance.now() - start);
          }
        }
        flooding = false;
        raw.destroy();
        assert.ok(slowest < 1000, `a ping took ${slowest} ms`);
      },
    );
  });
});
