import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { Writer } from 'gopark/bufio';
import { Connection, EventLoop } from 'gopark/eventloop';
import { dial, listen, OpError, type TCPConn } from 'gopark/net';
import { runChild } from '../lib/child.ts';
import { needs } from '../lib/needs.ts';
import { rejection, until } from '../lib/waiting.ts';

describe('who serves accepts for as long as connections come', () => {
  test('beside serve, who calls accept has its turn, too', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const served: TCPConn[] = [];
    const serving = listener.serve((conn) => {
      served.push(conn);
    });
    const first = listener.accept();
    const second = listener.accept();
    const dialled: TCPConn[] = [];
    // The loop is in front of the queue; behind its next one come both of these.
    for (let i = 0; i < 4; i++) dialled.push(await dial('tcp', String(listener.addr)));
    const taken = await Promise.all([first, second]);
    await until(() => served.length === 2, 'the others are served');
    assert.equal(new Set([...taken, ...served]).size, 4);
    await listener.close();
    await serving;
    for (const conn of [...taken, ...dialled]) conn.closeNow();
  });

  test('a listener that is closed by whom its first connection was given to accepts no second one', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const dialled = await Promise.all(Array.from({ length: 5 }, () => dial('tcp', String(listener.addr))));
    let prepared = 0;
    let closing: Promise<void> | undefined;
    const loop = new EventLoop({
      onPrepare(conn) {
        assert.ok(conn instanceof Connection);
        prepared++;
        closing ??= listener.close();
      },
    });
    await loop.serve(listener);
    await closing;
    assert.equal(prepared, 1);
    for (const conn of dialled) conn.closeNow();
    await loop.shutdown({ timeout: 0 });
  });

  for (const server of ['serve', 'an event loop'] as const) {
    test(`${server}: shortages with connections in between are not one that gets longer`, async () => {
      const listener = await listen('tcp', '127.0.0.1:0');
      const { fd } = listener;
      const acceptNow = fd.acceptNow.bind(fd);
      let short = false;
      let shortages = 0;
      fd.acceptNow = () => {
        if (!short) return acceptNow();
        short = false;
        shortages++;
        return -constants.errno.EMFILE;
      };
      const loop = new EventLoop({ onConnect: (conn) => conn.close() });
      const serving = server === 'serve' ? listener.serve(() => {}) : loop.serve(listener);
      const before = performance.now();
      for (let i = 0; i < 12; i++) {
        short = true;
        const conn = await dial('tcp', String(listener.addr));
        assert.equal(await conn.read(new Uint8Array(1)), null);
        conn.closeNow();
      }
      assert.ok(shortages > 10);
      // Each pause is 5 ms; twice as long each time, they would be 4 s and more.
      assert.ok(performance.now() - before < 2000);
      await listener.close();
      await serving;
      await loop.shutdown({ timeout: 0 });
    });
  }

  test('a close that somebody has put in front of a connection is the one that is called in the end', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    let closed = 0;
    const serving = listener.serve((conn) => {
      const { close } = conn;
      conn.close = () => {
        closed++;
        return close.call(conn);
      };
    });
    const conn = await dial('tcp', String(listener.addr));
    assert.equal(await conn.read(new Uint8Array(1)), null);
    assert.equal(closed, 1);
    await listener.close();
    await serving;
    conn.closeNow();
  });

  test('a write that somebody has put in front of a connection is the one that a buffered writer calls', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const conn = await dial('tcp', String(listener.addr));
    const accepted = await listener.accept();
    const { write } = conn;
    let seen = 0;
    conn.write = (p, options) => {
      seen += p.length;
      return write.call(conn, p, options);
    };
    const writer = new Writer(conn);
    writer.writeString('hello');
    await writer.flush();
    assert.equal(seen, 5);
    const p = new Uint8Array(16);
    assert.equal(await accepted.read(p), 5);
    for (const each of [conn, accepted]) each.closeNow();
    await listener.close();
  });

  test('where somebody has frozen Error, a reset is told all the same', needs('linger'), async () => {
    const { code, stdout, stderr } = await runChild(`
      import { dial, listen } from 'gopark/net';
      Object.freeze(Error);
      const listener = await listen('tcp', '127.0.0.1:0');
      const told = new Promise((resolve) => {
        listener.serve(async (conn) => resolve(await conn.read(new Uint8Array(1)).catch(({ code }) => code)));
      });
      const conn = await dial('tcp', String(listener.addr));
      conn.setLinger(0);
      await conn.close();
      console.log(await told);
      await listener.close();`);
    assert.deepEqual([code, stdout, stderr], [0, 'ECONNRESET\n', '']);
  });

  test(
    'the error of a reset that a read waited for names both ends, and none of our frames',
    needs('linger'),
    async () => {
      const listener = await listen('tcp', '127.0.0.1:0');
      const conn = await dial('tcp', String(listener.addr));
      const accepted = await listener.accept();
      const reading = rejection(accepted.read(new Uint8Array(16)));
      conn.setLinger(0);
      await conn.close();
      const error = await reading;
      assert.ok(error instanceof OpError);
      assert.equal(error.code, 'ECONNRESET');
      assert.equal(error.syscall, 'recv');
      assert.match(error.message, /^read tcp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+: connection reset by peer$/);
      assert.ok(String(error.stack).includes(error.message));
      assert.doesNotMatch(String(error.stack), /\n +at /);
      // Whoever makes errors afterwards has stacks as before.
      assert.match(String(new Error('another one').stack), /\n +at /);
      accepted.closeNow();
      await listener.close();
    },
  );
});
