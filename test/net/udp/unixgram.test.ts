import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AddrError, ClosedError, dial, listenPacket, UnixAddr, UnsupportedError } from 'gopark/net';
import { threadPoller } from '#dist/poll/index.js';
import { pattern, sameBytes, text, untext } from '../../lib/bytes.ts';
import { needs } from '../../lib/needs.ts';
import { rejection, stillPending, turns } from '../../lib/waiting.ts';

const folder = mkdtempSync(join(tmpdir(), 'gopark-'));
after(() => rmSync(folder, { recursive: true }));
let paths = 0;
const newPath = () => join(folder, `${++paths}.sock`);

describe('unixgram', needs('unixgram'), () => {
  test('there and back between two paths', async () => {
    await using a = await listenPacket('unixgram', newPath());
    await using b = await listenPacket('unixgram', newPath());
    const p = new Uint8Array(100);
    assert.equal(await b.send(text('ping'), a.localAddr), 4);
    const [n, from] = await a.receive(p);
    assert.equal(untext(p.subarray(0, n)), 'ping');
    assert.equal(String(from), String(b.localAddr));
    assert.equal(from!.network, 'unixgram');
    assert.equal(await a.send(text('pong'), from!.path), 4);
    const messages = [{ data: p, length: 0, addr: null }];
    assert.equal(await b.receiveBatch(messages), 1);
    assert.equal(String(messages[0]!.addr), String(a.localAddr));
  });

  test('UNX-1 connected: read and write; a nameless peer has no address (CONN-2)', async () => {
    const path = newPath();
    await using server = await listenPacket('unixgram', path);
    await using client = await dial('unixgram', path);
    assert.equal(client.remoteAddr.path, path);
    assert.equal(client.localAddr.path, '');
    assert.equal(await client.write(text('hello')), 5);
    const p = new Uint8Array(10);
    assert.deepEqual(await server.receive(p), [5, null]);
  });

  test('UNX-2 abstract names: given, long, and chosen by the system', async () => {
    const name = `@gopark-test-${process.pid}-${++paths}`;
    await using given = await listenPacket('unixgram', name);
    assert.equal(given.localAddr.path, name);
    await using chosen = await listenPacket('unixgram', '@');
    assert.match(chosen.localAddr.path, /^@.+/);
    await using empty = await listenPacket('unixgram', '');
    assert.match(empty.localAddr.path, /^@.+/);
    const long = `@${String(process.pid).padEnd(107, 'x')}`;
    await using longest = await listenPacket('unixgram', long);
    assert.equal(longest.localAddr.path, long);
    await using client = await dial('unixgram', long, { localAddress: '@' });
    await client.write(text('x'));
    const [, from] = await longest.receive(new Uint8Array(4));
    assert.equal(from!.path, client.localAddr.path);
    await longest.send(text('back'), from!);
    assert.equal(await client.read(new Uint8Array(10)), 4);
    assert.ok((await rejection(listenPacket('unixgram', `${long}y`))) instanceof AddrError);
    assert.ok((await rejection(listenPacket('unixgram', `/${'x'.repeat(200)}`))) instanceof AddrError);
  });

  test('P-10 the write matrix', async () => {
    const path = newPath();
    await using server = await listenPacket('unixgram', path);
    await using client = await dial('unixgram', path);
    assert.equal((await rejection(client.send(text('x'), path))).code, 'ERR_WRITE_TO_CONNECTED');
    assert.match((await rejection(server.write(text('x')))).code, /^(ENOTCONN|EDESTADDRREQ)$/);
    assert.equal((await rejection(server.send(text('x'), ''))).code, 'ERR_MISSING_ADDRESS');
    assert.equal((await rejection(server.send(text('x'), join(folder, 'nobody')))).code, 'ENOENT');
    assert.equal((await rejection(dial('unixgram', join(folder, 'nobody')))).code, 'ENOENT');
    assert.equal((await rejection(dial('unixgram', ''))).code, 'ERR_MISSING_ADDRESS');
    await assert.rejects(server.send(text('x'), { path } as never), TypeError);
    await server.send(text('x'), new UnixAddr(path, 'unixgram'));
    assert.equal(await server.read(new Uint8Array(4)), 1);
  });

  test('P-13 empty datagrams and empty buffers', async () => {
    const path = newPath();
    await using server = await listenPacket('unixgram', path);
    await using client = await dial('unixgram', path);
    await client.write(new Uint8Array(0));
    await client.write(text('taken'));
    await client.write(text('last'));
    const p = new Uint8Array(10);
    assert.equal(await server.read(p), 0);
    assert.equal((await server.receive(new Uint8Array(0)))[0], 0);
    assert.equal(await server.read(p), 4);
  });

  test('a full queue: the sender waits, in order, and nothing is lost; a deadline and a signal end the wait', async () => {
    const path = newPath();
    await using server = await listenPacket('unixgram', path);
    for (const connected of [true, false]) {
      await using client = connected ? await dial('unixgram', path) : await listenPacket('unixgram', '@');
      const send = (word: string, signal?: AbortSignal) => {
        const options = signal === undefined ? {} : { signal };
        return connected ? client.write(text(word), options) : client.send(text(word), path, options);
      };
      client.setWriteTimeout(30);
      let sent = 0;
      let error: { code: string } | null = null;
      while (error === null) {
        await send(String(sent)).then(
          () => sent++,
          (reason) => {
            error = reason;
          },
        );
      }
      assert.equal((error as { code: string }).code, 'ERR_DEADLINE_EXCEEDED');
      client.setWriteTimeout(null);
      const stop = new AbortController();
      const stopped = rejection(send('never', stop.signal));
      const waiting = send('waits');
      const batch = connected
        ? client.sendBatch(['b0', 'b1', 'b2'].map((word) => ({ data: text(word), length: 2, addr: null })))
        : Promise.resolve(3);
      await stillPending(
        waiting.then(() => {}),
        'a send to a full queue',
      );
      stop.abort(new Error('enough'));
      assert.equal((await stopped).message, 'enough');
      const p = new Uint8Array(20);
      const got: string[] = [];
      for (let i = 0; i < sent + (connected ? 4 : 1); i++)
        got.push(untext(p.subarray(0, await server.read(p))));
      assert.equal(await waiting, 5);
      assert.equal(await batch, 3);
      const expected = [...Array.from({ length: sent }, (_, i) => String(i)), 'waits'];
      assert.deepEqual(got, connected ? [...expected, 'b0', 'b1', 'b2'] : expected);
    }
  });

  test('large ones, whole; and what the send buffer does not take is EMSGSIZE', async () => {
    const path = newPath();
    await using server = await listenPacket('unixgram', path);
    await using client = await dial('unixgram', path, { writeBuffer: 200_000 });
    const p = new Uint8Array(512 * 1024);
    for (const size of [65_536, 70_000, 150_000]) {
      const sent = pattern(size, size);
      assert.equal(await client.write(sent), size);
      await client.sendBatch([{ data: sent, length: Math.min(size, 100_000), addr: null }]);
      sameBytes(p.subarray(0, await server.read(p)), sent);
      sameBytes(p.subarray(0, await server.read(p)), sent.subarray(0, 100_000));
    }
    assert.equal((await rejection(client.write(new Uint8Array(8 << 20)))).code, 'EMSGSIZE');
  });

  test('the peer closes: ECONNREFUSED at the next write', async () => {
    const path = newPath();
    const server = await listenPacket('unixgram', path);
    await using client = await dial('unixgram', path);
    await server.close();
    assert.equal((await rejection(client.write(text('x')))).code, 'ECONNREFUSED');
  });

  test('close wakes who waits', async () => {
    const server = await listenPacket('unixgram', newPath());
    const waiting = rejection(server.receive(new Uint8Array(4)));
    await turns(2);
    await server.close();
    assert.ok((await waiting) instanceof ClosedError);
  });

  test('the path goes with the socket, but only our own', async () => {
    const path = newPath();
    await (await listenPacket('unixgram', path)).close();
    assert.ok(!existsSync(path));
    (await listenPacket('unixgram', path)).closeNow();
    assert.ok(!existsSync(path));
    const replaced = await listenPacket('unixgram', path);
    unlinkSync(path);
    writeFileSync(path, 'another one');
    await replaced.close();
    assert.ok(existsSync(path));
    assert.equal((await rejection(listenPacket('unixgram', path))).code, 'EADDRINUSE');
    unlinkSync(path);
    const removed = await listenPacket('unixgram', path);
    unlinkSync(path);
    await removed.close();
    const kept = await listenPacket('unixgram', path, { unlinkOnClose: false });
    await kept.close();
    assert.ok(existsSync(path));
  });

  test('mode: the permissions of the path', async () => {
    const path = newPath();
    await using conn = await listenPacket('unixgram', path, { mode: 0o660 });
    assert.equal(statSync(conn.localAddr.path).mode & 0o777, 0o660);
    await assert.rejects(listenPacket('unixgram', newPath(), { mode: 0o7777 }), RangeError);
  });
});

test('unixgram is refused where the driver lacks it', async () => {
  const { driver } = threadPoller();
  if (driver.capabilities.has('unixgram')) {
    await (await listenPacket('unixgram', '@')).close();
    return;
  }
  assert.ok((await rejection(listenPacket('unixgram', '@'))) instanceof UnsupportedError);
  assert.ok((await rejection(dial('unixgram', '/nobody'))) instanceof UnsupportedError);
});
