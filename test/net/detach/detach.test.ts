import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { readAll } from 'gopark/io';
import {
  adopt,
  ClosedError,
  DeadlineExceededError,
  type Detached,
  DetachedError,
  dial,
  listen,
  OpError,
  type StreamConn,
  UnsupportedError,
} from 'gopark/net';
import { openSockets, socketsBackAt } from '../../lib/descriptors.ts';
import { needs } from '../../lib/needs.ts';
import { stillPending } from '../../lib/waiting.ts';

const text = (p: Uint8Array | null) => (p === null ? null : Buffer.from(p).toString());

async function readText(conn: StreamConn, size = 100): Promise<string | null> {
  const p = new Uint8Array(size);
  const n = await conn.read(p);
  return n === null ? null : text(p.subarray(0, n));
}

/** A connection of ours, and its peer on node:net. */
async function pairOf(t: TestContext, options = {}): Promise<{ conn: StreamConn; peer: net.Socket }> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const conn = await dial('tcp', `127.0.0.1:${(server.address() as net.AddressInfo).port}`, options);
  const [peer] = await accepted;
  peer.on('error', () => {});
  t.after(() => {
    server.close();
    peer.destroy();
    conn.closeNow();
  });
  return { conn, peer };
}

/** As it arrives behind postMessage. */
const sent = <S>(detached: Detached<S>): Detached<S> => structuredClone(detached);

describe('detach and adopt, in one thread', { timeout: 60_000, ...needs('leases') }, () => {
  test('bytes in both directions, addresses and state go along', async (t) => {
    const { conn, peer } = await pairOf(t);
    const { localAddr, remoteAddr } = conn;
    peer.write('hello world');
    assert.equal(await readText(conn, 5), 'hello');
    await conn.write(Buffer.from('not flushed yet'));
    const detached = sent(await conn.detach({ user: 'a', n: 1 }));
    assert.deepEqual(detached.state, { user: 'a', n: 1 });
    const again = adopt(detached);
    t.after(() => again.closeNow());
    assert.equal(String(again.localAddr), String(localAddr));
    assert.equal(String(again.remoteAddr), String(remoteAddr));
    assert.equal(await readText(again), ' world');
    assert.equal(text((await once(peer, 'data'))[0]), 'not flushed yet');
    await again.write(Buffer.from('more'));
    assert.equal(text((await once(peer, 'data'))[0]), 'more');
    const reading = readText(again);
    peer.write('and back');
    assert.equal(await reading, 'and back');
    await again.close();
  });

  test('whoever waits, and all later calls, reject with DetachedError', async (t) => {
    const { conn, peer } = await pairOf(t);
    const waiting = [conn.read(new Uint8Array(1)), conn.waitReadable(), conn.read(new Uint8Array(1))];
    await stillPending(Promise.race(waiting), 'the readers');
    const detached = await conn.detach();
    for (const one of waiting) await assert.rejects(one, DetachedError);
    for (const call of [
      () => conn.read(new Uint8Array(1)),
      () => conn.write(new Uint8Array(1)),
      () => conn.write(new Uint8Array(100_000)),
      () => conn.flush(),
      () => conn.waitReadable(),
      () => conn.closeWrite(),
      () => conn.closeRead(),
      () => conn.close(),
      () => conn.detach(),
    ]) {
      await assert.rejects(
        call(),
        (error) => error instanceof DetachedError && !(error instanceof ClosedError),
      );
    }
    assert.throws(() => conn.tryRead(new Uint8Array(1)), DetachedError);
    assert.throws(() => conn.tryWrite(new Uint8Array(1)), DetachedError);
    assert.throws(() => conn.setTimeout(1), DetachedError);
    conn.closeNow();
    await conn[Symbol.asyncDispose]();
    peer.write('still there');
    const again = adopt(detached);
    t.after(() => again.closeNow());
    assert.equal(await readText(again), 'still there');
  });

  test('what the kernel refused goes along, and a writer is told how much', async (t) => {
    const { conn, peer } = await pairOf(t);
    conn.setWriteTimeout(60_000);
    peer.pause();
    const all = Buffer.alloc(16 << 20).map((_, i) => i % 251);
    let written = 0;
    const writing = (async () => {
      for (; written < all.length; written += 4096) await conn.write(all.subarray(written, written + 4096));
    })();
    await stillPending(writing, 'the writer');
    const detached = sent(await conn.detach());
    await assert.rejects(writing, (error) => {
      assert.ok(error instanceof DetachedError);
      written += error.bytesWritten!;
      return true;
    });
    const again = adopt(detached);
    const received: Buffer[] = [];
    const end = once(peer, 'end');
    peer.on('data', (bytes) => received.push(bytes)).resume();
    for (; written < all.length; written += 4096) await again.write(all.subarray(written, written + 4096));
    await again.close();
    await end;
    assert.ok(Buffer.concat(received).equals(all));
  });

  test('a large write in the middle: bytesWritten says where to go on', async (t) => {
    const { conn, peer } = await pairOf(t);
    peer.pause();
    const all = Buffer.alloc(16 << 20).map((_, i) => i % 253);
    const writing = conn.write(all);
    await stillPending(writing, 'the writer');
    const detached = await conn.detach();
    const written = await writing.catch((error) => (error as DetachedError).bytesWritten!);
    assert.ok(written > 0 && written < all.length);
    const again = adopt(detached);
    const reading = readAll({
      read: async (p) => {
        let bytes = peer.read() as Buffer | null;
        if (bytes === null) {
          await once(peer, 'readable');
          bytes = peer.read() as Buffer | null;
        }
        if (bytes === null) return null;
        const n = Math.min(p.length, bytes.length);
        p.set(bytes.subarray(0, n));
        if (n < bytes.length) peer.unshift(bytes.subarray(n));
        return n;
      },
    });
    await again.write(all.subarray(written));
    await again.close();
    assert.ok(Buffer.from(await reading).equals(all));
  });

  test('the end, a reset and a half close are where they were', async (t) => {
    const ended = await pairOf(t);
    ended.peer.end('last');
    await ended.conn.waitReadable();
    const first = adopt(sent(await ended.conn.detach()));
    t.after(() => first.closeNow());
    assert.deepEqual([await readText(first), await readText(first)], ['last', null]);
    const second = adopt(sent(await first.detach()));
    t.after(() => second.closeNow());
    assert.equal(await readText(second), null, 'again and again');
    await second.write(Buffer.from('reply'));
    assert.equal(text((await once(ended.peer, 'data'))[0]), 'reply');

    const reset = await pairOf(t);
    reset.peer.resetAndDestroy();
    await reset.conn.waitReadable();
    const after = adopt(sent(await reset.conn.detach()));
    t.after(() => after.closeNow());
    await assert.rejects(after.read(new Uint8Array(1)), { code: 'ECONNRESET' });

    const half = await pairOf(t);
    await half.conn.closeWrite();
    const moved = adopt(sent(await half.conn.detach()));
    t.after(() => moved.closeNow());
    await assert.rejects(moved.write(new Uint8Array(1)), { code: 'EPIPE' });
    half.peer.write('still');
    assert.equal(await readText(moved), 'still');
  });

  test('deadlines go along', async (t) => {
    const { conn } = await pairOf(t);
    conn.setReadTimeout(30);
    const again = adopt(sent(await conn.detach()));
    t.after(() => again.closeNow());
    await assert.rejects(again.read(new Uint8Array(1)), DeadlineExceededError);
    const once = adopt(sent(await again.detach()));
    t.after(() => once.closeNow());
    await assert.rejects(once.read(new Uint8Array(1)), DeadlineExceededError, 'passed is passed');
    once.setReadTimeout(null);
    await stillPending(once.read(new Uint8Array(1)), 'the reader');
  });

  test('each one is adopted once', async (t) => {
    const { conn } = await pairOf(t);
    const detached = await conn.detach();
    const copy = sent(detached);
    const again = adopt(detached);
    for (const late of [copy, detached]) {
      assert.throws(
        () => adopt(late),
        (error) => error instanceof OpError && error.code === 'EBADF',
      );
    }
    await again.close();
    await assert.rejects(again.detach(), ClosedError);
    assert.throws(() => adopt({} as never), TypeError);
    assert.throws(() => adopt(null as never), TypeError);
  });

  test('Unix connections', async (t) => {
    const listener = await listen('unix', `@gopark-detach-${process.pid}`);
    t.after(() => listener.close());
    const conn = await dial('unix', String(listener.addr));
    const peer = await listener.accept();
    t.after(() => peer.closeNow());
    await peer.write(Buffer.from('abc'));
    const again = adopt(sent(await conn.detach()));
    assert.equal(again.remoteAddr.network, 'unix');
    assert.equal(String(again.remoteAddr), String(listener.addr));
    assert.equal(await readText(again), 'abc');
    await again.close();
    assert.equal(await readText(peer), null);
  });

  test('back and forth, no descriptor is left', async (t) => {
    const before = openSockets();
    for (let i = 0; i < 20; i++) {
      await t.test(`connection ${i}`, async (each) => {
        const { conn, peer } = await pairOf(each);
        let now = conn;
        for (let round = 0; round < 20; round++) {
          peer.write(`${round}`);
          now = adopt(sent(await now.detach()));
          assert.equal(await readText(now), `${round}`);
        }
        await now.close();
      });
    }
    await socketsBackAt(before);
  });
});

describe('detach where the driver cannot', () => {
  test('rejects, and the connection goes on', async (t) => {
    if (needs('leases').skip === false) return;
    const { conn, peer } = await pairOf(t);
    await assert.rejects(conn.detach(), UnsupportedError);
    peer.write('x');
    assert.equal(await readText(conn), 'x');
  });
});
