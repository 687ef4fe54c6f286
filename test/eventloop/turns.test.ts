import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from 'gopark/eventloop';
import { until } from '../lib/waiting.ts';
import { withLoop } from './lib.ts';

const CONNECTIONS = 100;
const MUCH = 200_000;

describe('connections that all have much to say', { timeout: 60_000 }, () => {
  test('have their turn one after the other, also where their bytes together are more than is received at a time', async () => {
    const calls: Connection[] = [];
    const all: Connection[] = [];
    let received = 0;
    await withLoop(
      {
        // Receives stay so small that they go through the memory that all share, and so large that it is not enough for all.
        readHighWater: 24 * 1024,
        onPrepare(conn) {
          all.push(conn);
          conn.pause();
        },
        onRequest(conn) {
          calls.push(conn);
          received += conn.len;
          conn.reader.trySkip(conn.len);
        },
      },
      async ({ connect }) => {
        const writing: Promise<number>[] = [];
        for (let i = 0; i < CONNECTIONS; i++) {
          const client = await connect();
          writing.push(client.write(new Uint8Array(MUCH)));
        }
        await until(() => all.length === CONNECTIONS, 'all to be there');
        // What the kernel does not take waits for it to be read: those are ready again and again.
        for (const conn of all) conn.resume();
        await until(() => received === CONNECTIONS * MUCH, 'all bytes', 30_000);
        await Promise.all(writing);
      },
    );
    const counts = new Map(all.map((conn) => [conn, 0]));
    let behind = 0;
    // As long as all of them have something left; the first half is safe.
    for (const conn of calls.slice(0, calls.length / 2)) {
      counts.set(conn, counts.get(conn)! + 1);
      behind = Math.max(behind, counts.get(conn)! - Math.min(...counts.values()));
    }
    assert.ok(behind <= 4, `one had ${behind} turns more than another one`);
  });
});
