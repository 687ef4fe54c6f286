// What a handler holds is nobody else's: the kernel goes on receiving, and writes elsewhere.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LinkReader } from 'gopark/linkbuffer';
import { UringDriver } from '#dist/poll/drivers/uring/driver.js';
import { threadPoller } from '#dist/poll/index.js';
import { withLoop } from '../eventloop/lib.ts';
import { isOfStream, streamBytes } from '../lib/stream.ts';
import { until } from '../lib/waiting.ts';

function uring(): UringDriver {
  const { driver } = threadPoller();
  assert.ok(driver instanceof UringDriver, driver.name);
  return driver;
}

/** A piece of a stream that a handler keeps: where it began, and what lies there. */
interface Kept {
  readonly seed: number;
  readonly position: number;
  readonly length: number;
  readonly slice: LinkReader;
  readonly view: Uint8Array;
}

describe('uring: memory that is lent', () => {
  for (const size of [100, 4096, 100_000]) {
    test(`pieces of ${size} bytes that handlers hold while all buffers are received into again`, async () => {
      const { buffers } = uring();
      const total = Math.max(3 * buffers.count * buffers.size, 20 * size);
      const kept: Kept[] = [];
      const positions = new Map<object, { readonly seed: number; at: number }>();
      let received = 0;
      let connections = 0;
      await withLoop(
        {
          readHighWater: 16 * 1024 * 1024,
          onConnect: (conn) => void positions.set(conn, { seed: ++connections, at: 0 }),
          onRequest: (conn) => {
            const position = positions.get(conn)!;
            for (;;) {
              const mine = kept.filter(({ seed }) => seed === position.seed);
              const before = mine.at(-1);
              const due = before === undefined || position.at > before.position + total / 20;
              if (!due || mine.length >= 8) break;
              if (conn.reader.len < size) {
                if (position.at + size > total) break;
                conn.expect(size);
                return;
              }
              const slice = conn.reader.trySlice(size)!;
              const view = slice.tryNext(size)!;
              kept.push({ seed: position.seed, position: position.at, length: size, slice, view });
              position.at += size;
              received += size;
            }
            const { len } = conn.reader;
            conn.reader.trySkip(len);
            conn.reader.release();
            position.at += len;
            received += len;
          },
        },
        async ({ connect }) => {
          // One after the other, so that the order of connections is known.
          const senders = [];
          for (let seed = 1; seed <= 3; seed++) {
            const conn = await connect();
            await until(() => connections === seed, 'the connection to be accepted');
            senders.push({ conn, seed });
          }
          await Promise.all(
            senders.map(async ({ conn, seed }) => {
              for (let at = 0; at < total; ) {
                // Of all sizes, so that both ways of receiving have their turn.
                const length = Math.min(total - at, at % 3 === 0 ? 1000 : 90_001);
                await conn.write(streamBytes(seed, at, at + length));
                at += length;
              }
            }),
          );
          await until(() => received === 3 * total, `all bytes, ${received} of ${3 * total}`);
          assert.ok(kept.length === 24, `${kept.length} pieces`);
          for (const { seed, position, length, view } of kept) {
            assert.ok(
              isOfStream(view, seed, position),
              `${length} bytes of stream ${seed} from ${position} on`,
            );
          }
          for (const { slice } of kept) slice.release();
        },
      );
      assert.equal(uring().ahead, 0);
    });
  }
});
