import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { type Connection, EventLoop } from 'gopark/eventloop';
import { listen, type TCPListener } from 'gopark/net';
import { holdThread, mostAtATime } from '../lib/holding.ts';
import { needs } from '../lib/needs.ts';
import { until } from '../lib/waiting.ts';
import { bytes, text } from './lib.ts';

/** A visitor that has said something before anybody accepts. */
async function visitor(listener: TCPListener, words: string): Promise<Socket> {
  const raw = connect(listener.addr.port, '127.0.0.1');
  raw.on('error', () => {});
  await once(raw, 'connect');
  await new Promise((resolve) => raw.write(words, resolve));
  return raw;
}

describe('what a connection brings along', { timeout: 30_000 }, () => {
  test('is answered, and what comes later, too; the address of who has gone is known when it is asked for', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const raw = await visitor(listener, 'hello');
    const port = raw.localPort;
    const heard: string[] = [];
    const conns: Connection[] = [];
    const loop = new EventLoop({
      onRequest(conn) {
        conns.push(conn);
        heard.push(conn.reader.tryReadString(conn.len)!);
        conn.writer.writeBinary(bytes('yes?'));
        conn.writer.flush();
      },
    });
    const serving = loop.serve(listener);
    assert.equal(text((await once(raw, 'data'))[0]), 'yes?');
    raw.write('nothing');
    assert.equal(text((await once(raw, 'data'))[0]), 'yes?');
    assert.deepEqual(heard, ['hello', 'nothing']);
    raw.resetAndDestroy();
    await until(() => loop.connections === 0, 'it has gone');
    const [conn] = conns;
    assert.equal(String(conn!.remoteAddr), `127.0.0.1:${port}`);
    assert.equal(conn!.remoteAddr, conn!.remoteAddr);
    await loop.shutdown();
    await serving;
  });

  test('waits where it was paused at once, and for onConnect', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const paused = await visitor(listener, 'paused');
    const seen: string[] = [];
    const conns: Connection[] = [];
    let connected: () => void = () => {};
    const loop = new EventLoop({
      onPrepare(conn) {
        conns.push(conn);
        conn.pause();
      },
      onConnect: () =>
        new Promise<void>((resolve) => {
          connected = resolve;
        }),
      onRequest(conn) {
        seen.push(conn.reader.tryReadString(conn.len)!);
      },
    });
    const serving = loop.serve(listener);
    await until(() => conns.length === 1, 'it is accepted');
    assert.equal(conns[0]!.len, 0);
    conns[0]!.resume();
    await until(() => conns[0]!.len === 6, 'its bytes have come');
    assert.deepEqual(seen, []);
    connected();
    await until(() => seen.length === 1, 'the handler has them');
    assert.deepEqual(seen, ['paused']);
    paused.destroy();
    await loop.shutdown({ timeout: 1000 });
    await serving;
  });

  test('of whom a first message fills more than a read: all of it, in order', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const long = 'x'.repeat(100_000);
    const raw = await visitor(listener, long);
    let heard = '';
    const loop = new EventLoop({
      onRequest(conn) {
        heard += conn.reader.tryReadString(conn.len);
      },
    });
    const serving = loop.serve(listener);
    await until(() => heard.length === long.length, 'everything is there');
    assert.equal(heard, long);
    raw.destroy();
    await loop.shutdown({ timeout: 1000 });
    await serving;
  });

  test('keeps nobody else from their turn, however many bring work along', needs('poll'), async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const raws = await Promise.all(Array.from({ length: 60 }, () => visitor(listener, 'work')));
    let served = 0;
    const loop = new EventLoop({
      onRequest(conn) {
        conn.reader.tryReadString(conn.len);
        holdThread(11);
        served++;
      },
    });
    const serving = loop.serve(listener);
    const most = await mostAtATime(() => served, 60);
    assert.ok(most <= 20, `${most} at a time`);
    for (const raw of raws) raw.destroy();
    await loop.shutdown({ timeout: 1000 });
    await serving;
  });
});
