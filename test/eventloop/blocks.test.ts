import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from 'gopark/eventloop';
import { defaultPool } from 'gopark/linkbuffer';
import { bytes, withLoop } from './lib.ts';

const endings: readonly [name: string, end: (conn: Connection) => void][] = [
  ['close', (conn) => void conn.close()],
  ['closeNow', (conn) => conn.closeNow()],
];

for (const [name, end] of endings) {
  test(`what was written but not flushed gives its blocks back: ${name}`, async () => {
    const before = defaultPool.stats().blocksInUse;
    await withLoop(
      {
        onRequest(conn) {
          conn.trySkip(conn.len);
          conn.writer.writeString('never flushed');
          end(conn);
        },
      },
      async ({ connect }) => {
        for (let i = 0; i < 5; i++) {
          const client = await connect();
          await client.write(bytes('x'));
          // The end, or a reset: both say that it is over.
          await client.read(new Uint8Array(1)).catch(() => null);
        }
      },
    );
    assert.equal(defaultPool.stats().blocksInUse, before);
  });
}
