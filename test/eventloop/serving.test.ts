import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Connection, EventLoop, EventLoopError } from 'gopark/eventloop';
import { readAll } from 'gopark/io';
import { dial, listen } from 'gopark/net';
import { pattern, sameBytes } from '../lib/bytes.ts';
import { withLoop } from './lib.ts';

const bytes = (s: string) => new TextEncoder().encode(s);
const text = (p: Uint8Array) => new TextDecoder().decode(p);

describe('EventLoop', { timeout: 60_000 }, () => {
  test('an echo: what comes goes back, small and large, and a half close is the end of reading only', async () => {
    const onRequest = (conn: Connection) => {
      conn.moveTo(conn);
      conn.writer.flush();
    };
    await withLoop({ onRequest }, async ({ connect }) => {
      const conn = await connect();
      const p = new Uint8Array(100);
      for (const word of ['one', 'two', 'three']) {
        await conn.write(bytes(word));
        assert.equal(text(p.subarray(0, (await conn.read(p))!)), word);
      }
      const sent = pattern(3_000_000);
      const written = conn.write(sent).then(() => conn.closeWrite());
      sameBytes(await readAll(conn), sent);
      await written;
    });
  });

  test('handlers that wait: next() across arrivals, one call at a time, the reply after the end', async () => {
    let calls = 0;
    let running = 0;
    const onRequest = async ({ reader, writer }: Connection) => {
      calls++;
      assert.equal(++running, 1);
      const header = await reader.next(1);
      const body = await reader.readString(header![0]!);
      reader.release();
      await new Promise((resolve) => setTimeout(resolve, 10));
      writer.writeString(`<${body}>`);
      await writer.flush();
      running--;
    };
    await withLoop({ onRequest }, async ({ connect }) => {
      const conn = await connect();
      await conn.write(bytes('\x05he'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await conn.write(bytes('llo\x03abc\x01'));
      await conn.write(bytes('z'));
      await conn.closeWrite();
      assert.equal(text(await readAll(conn)), '<hello><abc><z>');
      assert.equal(calls, 3);
    });
  });

  test('shutdown before serve: nothing is ever served, and the listener is closed', async () => {
    const loop = new EventLoop({ onRequest() {} });
    assert.equal(await loop.shutdown(), 0);
    assert.equal(await loop.shutdown(), 0);
    const listener = await listen('tcp', '127.0.0.1:0');
    await assert.rejects(
      loop.serve(listener),
      (error) => error instanceof EventLoopError && error.code === 'ERR_LOOP_CLOSED',
    );
    await assert.rejects(dial('tcp', String(listener.addr)), { code: 'ECONNREFUSED' });
  });

  test('the same listener twice is an error, two listeners are not', async () => {
    await withLoop({ onRequest() {} }, async ({ loop, listener }) => {
      await assert.rejects(
        loop.serve(listener),
        (error) => error instanceof EventLoopError && error.code === 'ERR_ALREADY_SERVED',
      );
      const other = await listen('tcp', '127.0.0.1:0');
      const serving = loop.serve(other);
      await (await dial('tcp', String(other.addr))).close();
      await other.close();
      await serving;
    });
  });
});

test('a Unix listener beside a TCP listener, and the goroutine style on a third one: one process, one driver', async () => {
  const onRequest = (conn: Connection) => {
    conn.moveTo(conn);
    conn.writer.flush();
  };
  const folder = mkdtempSync(join(tmpdir(), 'gopark-loop-'));
  const loop = new EventLoop({ onRequest });
  const unix = await listen('unix', join(folder, 'socket'));
  const tcp = await listen('tcp', '127.0.0.1:0');
  const other = await listen('tcp', '127.0.0.1:0');
  const serving = [
    loop.serve(unix),
    loop.serve(tcp),
    other.serve(async (conn) => {
      const p = new Uint8Array(100);
      for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
    }),
  ];
  const conns = [
    await dial('unix', join(folder, 'socket')),
    await dial('tcp', String(tcp.addr)),
    await dial('tcp', String(other.addr)),
  ];
  const p = new Uint8Array(100);
  for (let i = 0; i < 5; i++) {
    for (const conn of conns) {
      await conn.write(bytes(`hello ${i}`));
      assert.equal(text(p.subarray(0, (await conn.read(p))!)), `hello ${i}`);
    }
  }
  assert.equal(loop.connections, 2);
  for (const conn of conns) await conn.close();
  await other.close();
  await loop.shutdown();
  await Promise.all(serving);
  rmSync(folder, { recursive: true });
});
