import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { type Connection, dial, EventLoop } from 'gopark/eventloop';
import { readAll } from 'gopark/io';
import { listen } from 'gopark/net';
import { pattern, sameBytes } from '../../lib/bytes.ts';
import { until } from '../../lib/waiting.ts';
import { bytes, text, withLoop } from '../lib.ts';

const MiB = 1024 * 1024;

describe("better where Netpoll's users suffer: ends and closing", { timeout: 120_000 }, () => {
  test('F6, N-01: a half close is the end of reading: the answer of a handler that takes its time goes out', async () => {
    await withLoop(
      {
        async onRequest({ reader, writer }) {
          const word = await reader.readString(5);
          await later(20);
          writer.writeString(`<${word}>`);
          await writer.flush();
        },
      },
      async ({ connect }) => {
        const conn = await connect();
        await conn.write(bytes('hello'));
        await conn.closeWrite();
        assert.equal(text(await readAll(conn)), '<hello>');
      },
    );
  });

  test('F6: and of a large answer that the peer reads slowly, whose handler has long returned', async () => {
    const answer = pattern(8 * MiB);
    await withLoop(
      {
        onRequest({ reader, writer }) {
          reader.trySkip(reader.len);
          writer.writeBinary(answer);
          writer.flush();
        },
      },
      async ({ connect }) => {
        const conn = await connect();
        await conn.write(bytes('x'));
        await conn.closeWrite();
        await later(50);
        sameBytes(await readAll(conn), answer);
      },
    );
  });

  test('F7, N-06: the end is null, again and again; readAll gives everything and no error', async () => {
    let all: Uint8Array | undefined;
    const ends: unknown[] = [];
    await withLoop(
      {
        async onRequest(conn) {
          all = await readAll(conn);
          const { reader } = conn;
          ends.push(await reader.next(1), await reader.read(new Uint8Array(1)), await reader.until('\n'));
          ends.push(reader.tryNext(1), reader.tryRead(new Uint8Array(1)));
        },
      },
      async ({ connect, loop }) => {
        const client = await connect();
        const sent = pattern(200_000);
        await client.write(sent);
        await client.closeWrite();
        await until(() => ends.length === 5 && loop.connections === 0, 'the end');
        sameBytes(all!, sent);
        assert.deepEqual(ends, [null, null, null, null, null]);
      },
    );
  });

  test('F8, N-11: close during a blocked next and a blocked flush: both fail, close settles once', async () => {
    const outcome: unknown[] = [];
    let conn: Connection | undefined;
    await withLoop(
      {
        async onRequest(one) {
          conn = one;
          one.reader.trySkip(one.len);
          const flushing = (async () => {
            one.writer.writeBinary(new Uint8Array(32 * MiB));
            await one.writer.flush();
          })();
          const waits = [flushing, one.reader.next(100)];
          outcome.push(...(await Promise.allSettled(waits)).map(({ status }) => status));
        },
      },
      async ({ connect }) => {
        const client = await connect();
        await client.write(bytes('x'));
        await until(() => conn !== undefined, 'the handler');
        await later(20);
        conn!.closeNow();
        await assert.rejects(conn!.close(), { code: 'ERR_CLOSED' });
        await until(() => outcome.length === 2, 'both');
        assert.deepEqual(outcome, ['rejected', 'rejected']);
      },
    );
  });

  test('use after close: every call names it, none crashes', async () => {
    const { reader, writer, conn } = await new Promise<{
      conn: Connection;
      reader: Connection['reader'];
      writer: Connection['writer'];
    }>((resolve) => {
      void withLoop(
        { onConnect: (one) => resolve({ conn: one, reader: one.reader, writer: one.writer }) },
        async (running) => {
          await running.connect();
          await later(20);
        },
      );
    });
    await until(() => !conn.isActive, 'the loop to close it');
    const closed = { code: 'ERR_CLOSED' };
    for (const call of [
      () => writer.malloc(1),
      () => writer.mallocAck(0),
      () => writer.writeBinary(new Uint8Array(1)),
      () => writer.writeString('x'),
      () => writer.writeByte(1),
      () => writer.writeDirect(new Uint8Array(1)),
      () => reader.tryNext(1),
      () => reader.tryRead(new Uint8Array(1)),
      () => conn.setReadTimeout(1),
      () => conn.tryWrite(new Uint8Array(1)),
    ]) {
      assert.throws(call, closed);
    }
    for (const call of [
      () => writer.flush(),
      () => writer.write(new Uint8Array(1)),
      () => reader.next(1),
      () => reader.read(new Uint8Array(1)),
      () => reader.until('\n'),
      () => conn.close(),
    ]) {
      await assert.rejects(call(), closed);
    }
    reader.release();
    assert.equal(reader.len, 0);
    assert.equal(writer.mallocLen, 0);
    conn.closeNow();
    assert.match(String(conn.remoteAddr), /^127\.0\.0\.1:\d+$/);
  });

  test('F9, N-16, N-17: a descriptor number that is used again never reaches the wrong owner', async () => {
    const listeners = await Promise.all(['a', 'b'].map(() => listen('tcp', '127.0.0.1:0')));
    const loops = ['a', 'b'].map(
      (name) =>
        new EventLoop({
          onRequest(conn) {
            conn.reader.trySkip(conn.len);
            conn.writer.writeString(name);
            conn.writer.flush();
            conn.close();
          },
        }),
    );
    const serving = loops.map((loop, i) => loop.serve(listeners[i]!));
    await Promise.all(
      Array.from({ length: 10 }, async (_, client) => {
        for (let round = 0; round < 20; round++) {
          const which = (client + round) % 2;
          const conn = await dial('tcp', String(listeners[which]!.addr));
          await conn.write(bytes('x'));
          assert.equal(text((await conn.reader.next(1))!), 'ab'[which]);
          await conn.close();
        }
      }),
    );
    await Promise.all(loops.map((loop) => loop.shutdown()));
    await Promise.all(serving);
  });

  test('N-18, N-19: shutdown: who has asked is answered, the idle are closed, the stubborn are cut off', async () => {
    let giveIn: () => void = () => {};
    const stubbornness = new Promise<void>((resolve) => {
      giveIn = resolve;
    });
    const loop = new EventLoop({
      async onRequest({ reader, writer }) {
        const word = reader.tryReadString(reader.len)!;
        if (word === 'stay') return stubbornness;
        await later(30);
        writer.writeString('answer');
        await writer.flush();
      },
    });
    const listener = await listen('tcp', '127.0.0.1:0');
    const serving = loop.serve(listener);
    const connect = async () => dial('tcp', String(listener.addr));
    const idle = await connect();
    const asking = await connect();
    const justNow = await connect();
    const stubborn = await connect();
    await asking.write(bytes('ask'));
    await stubborn.write(bytes('stay'));
    await until(() => loop.connections === 4, 'all');
    await later(10);
    await justNow.write(bytes('just now'));
    await justNow.flush();
    const cut = loop.shutdown({ timeout: 300 });
    assert.equal(await idle.reader.next(1), null);
    assert.equal(text(await readAll(asking)), 'answer');
    assert.equal(text(await readAll(justNow)), 'answer');
    assert.equal(await cut, 1);
    await serving;
    giveIn();
    await until(() => loop.connections === 0, 'its handler to end');
    for (const conn of [idle, asking, justNow, stubborn]) conn.closeNow();
  });

  test('N-20: the local address is the connection’s own, also on a wildcard listener', async () => {
    const listener = await listen('tcp', '0.0.0.0:0');
    let local = '';
    const loop = new EventLoop({
      onConnect: (conn) => {
        local = String(conn.localAddr);
      },
      onRequest() {},
    });
    const serving = loop.serve(listener);
    const port = String(listener.addr).split(':').at(-1)!;
    const conn = await dial('tcp', `127.0.0.1:${port}`);
    await until(() => local !== '', 'the connection');
    assert.equal(local, `127.0.0.1:${port}`);
    conn.closeNow();
    await loop.shutdown();
    await serving;
  });
});
