import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Connection, EventLoop } from 'gopark/eventloop';
import { readAll, readFull } from 'gopark/io';
import { adopt, dial, listen } from 'gopark/net';
import { pattern, sameBytes } from '../lib/bytes.ts';
import { needs } from '../lib/needs.ts';
import { until } from '../lib/waiting.ts';
import { bytes, text, withLoop } from './lib.ts';

describe('connections change their owner', { timeout: 60_000, ...needs('leases') }, () => {
  test('from loop to loop, between requests: unread bytes, unsent bytes, and no callback of the first', async () => {
    const log: string[] = [];
    const answer = pattern(24_000_000);
    let first: Connection | undefined;
    const second = new EventLoop({
      onPrepare: () => void log.push('prepare'),
      onConnect: () => void log.push('connect'),
      onRequest(conn) {
        const word = conn.reader.tryReadString(conn.len);
        log.push(`second got ${word}`);
        conn.writer.writeString(`second:${word}`);
        conn.writer.flush();
      },
    });
    await withLoop(
      {
        onConnect(conn) {
          first = conn;
          conn.addCloseCallback(() => log.push('closed'));
        },
        onRequest(conn) {
          // Takes one word, leaves the rest, and answers more than the kernel takes.
          log.push(`first got ${conn.reader.tryReadString(3)}`);
          conn.expect(1000);
          conn.writer.writeBinary(answer);
          conn.writer.flush();
        },
        onDisconnect: () => void log.push('disconnect'),
      },
      async ({ connect, loop }) => {
        const client = await connect();
        await client.write(bytes('onetwo'));
        await until(() => log.length === 1 && first!.unsentLength > 0, 'the first request');
        const detached = await first!.detach({ user: 'x' });
        assert.deepEqual(detached.state, { user: 'x' });
        assert.equal(first!.isActive, false);
        assert.equal(loop.connections, 0);
        await assert.rejects(first!.reader.next(1), { code: 'ERR_DETACHED' });
        assert.throws(() => first!.writer.malloc(1), { code: 'ERR_DETACHED' });
        const conn = second.adopt(detached);
        assert.equal(second.connections, 1);
        assert.equal(String(conn.remoteAddr), String(first!.remoteAddr));
        assert.throws(() => second.adopt(detached), { code: 'EBADF' });
        await client.write(bytes('three'));
        await client.closeWrite();
        const all = await readAll(client);
        sameBytes(all.subarray(0, answer.length), answer);
        assert.equal(text(all.subarray(answer.length)).replaceAll('second:', ''), 'twothree');
        await until(() => second.connections === 0, 'it to end');
        assert.deepEqual(log.slice(0, 2), ['first got one', 'prepare']);
        assert.ok(!log.includes('closed') && !log.includes('connect') && !log.includes('disconnect'));
      },
    );
    assert.equal(await second.shutdown(), 0);
  });

  test('from a goroutine to a loop, which calls onConnect, and from a loop to a goroutine', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const client = await dial('tcp', String(listener.addr));
    const accepted = await listener.accept();
    await client.write(bytes('unread'));
    await accepted.waitReadable();
    let conn: Connection | undefined;
    const got: string[] = [];
    const loop = new EventLoop({
      onConnect(one) {
        conn = one;
        one.writer.writeString('hello');
        one.writer.flush();
      },
      onRequest: (one) => void got.push(one.reader.tryReadString(one.len)!),
    });
    loop.adopt(await accepted.detach());
    await until(() => got.length === 1, 'what was unread');
    assert.deepEqual(got, ['unread']);
    const p = new Uint8Array(10);
    assert.equal(text(p.subarray(0, (await client.read(p))!)), 'hello');
    const back = adopt(await conn!.detach());
    await client.write(bytes('again'));
    assert.equal(text(p.subarray(0, (await back.read(p))!)), 'again');
    await back.write(bytes('and back'));
    assert.equal(text(p.subarray(0, (await client.read(p))!)), 'and back');
    for (const each of [client, back, listener]) await each.close();
    assert.equal(await loop.shutdown(), 0);
    await assert.rejects(async () => loop.adopt({} as never), { code: 'ERR_LOOP_CLOSED' });
  });

  test('while a handler runs, and after a close, it cannot be detached', async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let conn: Connection | undefined;
    await withLoop(
      {
        async onRequest(one) {
          conn = one;
          one.reader.trySkip(one.len);
          await gate;
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => conn !== undefined, 'the handler');
        await assert.rejects(conn!.detach(), { code: 'ERR_BUSY' });
        release();
        await client.closeWrite();
        assert.equal(await client.read(new Uint8Array(1)), null);
        await until(() => !conn!.isActive, 'the close');
        await assert.rejects(conn!.detach(), { code: 'ERR_CLOSED' });
      },
    );
  });

  test('who waits for something on it keeps it where it is: only what is at rest is moved by others', async () => {
    // Internal: the declarations do not have it.
    const atRest = (conn: Connection) => (conn as unknown as { isAtRest: boolean }).isAtRest;
    let conn: Connection | undefined;
    const inHandler: boolean[] = [];
    await withLoop(
      {
        onConnect(one) {
          conn = one;
        },
        onRequest(one) {
          inHandler.push(atRest(one));
          one.reader.trySkip(one.len);
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => inHandler.length === 1, 'the handler');
        assert.deepEqual([inHandler, atRest(conn!)], [[false], true]);
        const reading = conn!.reader.next(1);
        assert.equal(atRest(conn!), false, 'a call waits for bytes');
        await client.write(bytes('y'));
        await reading;
        await until(() => atRest(conn!), 'rest');
        conn!.pause();
        assert.equal(atRest(conn!), false, 'paused');
        conn!.resume();
        const writing = conn!.write(new Uint8Array(24_000_000));
        assert.equal(atRest(conn!), false, "a part of a write is the caller's");
        await readFull(client, new Uint8Array(24_000_000));
        assert.equal(await writing, 24_000_000);
        assert.equal(atRest(conn!), true);
        await client.close();
        await until(() => !conn!.isActive, 'the end');
        assert.equal(atRest(conn!), false, 'closed');
      },
    );
  });
});
