import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { type Connection, dial } from 'gopark/eventloop';
import { readAll } from 'gopark/io';
import { until } from '../lib/waiting.ts';
import { bytes, quietErrors, text, withLoop } from './lib.ts';

describe('callbacks of an event loop', { timeout: 60_000 }, () => {
  test('EL-01: onConnect may talk until the peer ends; onRequest is not called meanwhile', async () => {
    let requests = 0;
    const onConnect = async ({ reader, writer }: Connection) => {
      for (let ping = await reader.next(4); ping !== null; ping = await reader.next(4)) {
        writer.writeBinary(ping);
        await writer.flush();
        reader.release();
      }
    };
    const onRequest = () => {
      requests++;
    };
    await withLoop({ onConnect, onRequest }, async ({ connect, loop }) => {
      const conn = await connect();
      const p = new Uint8Array(4);
      for (let i = 0; i < 200; i++) {
        await conn.write(bytes(String(1000 + i)));
        assert.equal(await conn.read(p), 4);
        assert.equal(text(p), String(1000 + i));
      }
      await conn.close();
      await until(() => loop.connections === 0, 'the connection to end');
      assert.equal(requests, 0);
    });
  });

  test('EL-02, EL-10: onConnect writes; onConnect closes', async () => {
    await withLoop(
      { onConnect: (conn) => void conn.write(bytes('hello')), onRequest() {} },
      async ({ connect }) => {
        const conn = await connect();
        const p = new Uint8Array(10);
        assert.equal(text(p.subarray(0, (await conn.read(p))!)), 'hello');
      },
    );
    await withLoop({ onConnect: (conn) => void conn.close(), onRequest() {} }, async ({ connect, loop }) => {
      for (let i = 0; i < 10; i++) assert.equal(await (await connect()).read(new Uint8Array(1)), null);
      await until(() => loop.connections === 0, 'all to be gone');
    });
  });

  test('EL-03: onDisconnect cancels what onRequest waits for; close callbacks run', async () => {
    const counts = { cancelled: 0, closed: 0 };
    const clients = 50;
    await withLoop(
      {
        onConnect(conn) {
          conn.context = new AbortController();
          conn.addCloseCallback(() => counts.closed++);
        },
        async onRequest(conn) {
          const { signal } = conn.context as AbortController;
          await conn.reader.next(4);
          await later(20_000, undefined, { signal }).catch(() => counts.cancelled++);
        },
        onDisconnect: (conn) => (conn.context as AbortController).abort(),
      },
      async ({ connect }) => {
        for (let i = 0; i < clients; i++) {
          const conn = await connect();
          await conn.write(bytes('ping'));
          await conn.close();
        }
        await until(() => counts.closed === clients, 'all to be closed');
        assert.equal(counts.cancelled, clients);
      },
    );
  });

  test('EL-04: onDisconnect after onConnect, with its context; everything once', async () => {
    const log: string[] = [];
    await withLoop(
      {
        onPrepare: (conn) => {
          conn.context = ['prepared'];
          log.push('prepare');
        },
        async onConnect(conn) {
          log.push('connect');
          await later(20);
          (conn.context as string[]).push('connected');
        },
        onRequest() {},
        onDisconnect(conn) {
          log.push(`disconnect ${conn.context}`);
          conn.addCloseCallback(() => log.push('close'));
        },
      },
      async ({ connect, loop }) => {
        await (await connect()).close();
        await until(() => log.length > 0 && loop.connections === 0, 'it to be gone');
        assert.deepEqual(log, ['prepare', 'connect', 'disconnect prepared,connected', 'close']);
      },
    );
  });

  test('close callbacks: the last added first, each once, whoever closes, at once when it is gone already', async () => {
    const log: string[] = [];
    let conn: Connection | undefined;
    await withLoop(
      {
        onRequest(one) {
          conn = one;
          one.addCloseCallback(() => log.push('first'));
          one.addCloseCallback(() => {
            throw new Error('the second fails');
          });
          one.addCloseCallback(() => log.push('third'));
          one.release();
          one.close();
          one.closeNow();
        },
      },
      async ({ connect, loop }) => {
        const errors = quietErrors();
        await (await connect()).write(bytes('x'));
        await until(() => conn !== undefined && loop.connections === 0, 'it to be closed');
        assert.deepEqual(log, ['third', 'first']);
        assert.match(String(errors.seen[0]), /the second fails/);
        conn!.addCloseCallback(() => log.push('late'));
        assert.deepEqual(log, ['third', 'first', 'late']);
        errors.restore();
      },
    );
  });

  test('EL-08, EL-09: close callbacks added in onRequest, and without any onRequest, when the client closes', async () => {
    let closed = 0;
    const onRequest = (conn: Connection) => {
      conn.reader.trySkip(conn.len);
      conn.addCloseCallback(() => closed++);
    };
    await withLoop({ onRequest }, async ({ connect }) => {
      const conn = await connect();
      await conn.write(bytes('x'));
      await later(10);
      await conn.close();
      await until(() => closed === 1, 'the callback');
    });
    let accepted: Connection | undefined;
    await withLoop(
      {
        onConnect(conn) {
          accepted = conn;
          conn.addCloseCallback(() => closed++);
        },
      },
      async ({ connect }) => {
        await (await connect()).close();
        await until(() => accepted?.ended === true, 'the end to be seen');
        // Nobody handles it: it is the program's to close.
        assert.equal(closed, 1);
        await accepted!.close();
        assert.equal(closed, 2);
      },
    );
  });

  test('EL-12, N-22: a handler that throws, at once or later, loses its connection, and only that', async () => {
    const errors = quietErrors();
    const onRequest = (conn: Connection) => {
      const word = conn.reader.tryReadString(conn.len);
      if (word === 'throw') throw new Error('on purpose');
      if (word === 'reject') return Promise.reject(new Error('on purpose, later'));
      conn.writer.writeString(word!);
      conn.writer.flush();
      return;
    };
    await withLoop({ onRequest }, async ({ connect, loop }) => {
      const good = await connect();
      for (const word of ['throw', 'reject']) {
        const bad = await connect();
        await bad.write(bytes(word));
        assert.equal(await bad.read(new Uint8Array(1)), null);
      }
      await good.write(bytes('still here'));
      const p = new Uint8Array(20);
      assert.equal(text(p.subarray(0, (await good.read(p))!)), 'still here');
      await until(() => loop.connections === 1, 'the others to be gone');
    });
    assert.deepEqual(
      errors.seen.map((error) => (error as Error).message),
      ['on purpose', 'on purpose, later'],
    );
    errors.restore();
  });

  test('EL-13: what a client sends before it closes arrives in full', async () => {
    let total = 0;
    await withLoop(
      {
        onRequest: (conn) => {
          total += conn.reader.tryNext(conn.len)!.length;
        },
      },
      async (running) => {
        for (let i = 0; i < 10; i++) {
          const conn = await running.connect();
          await conn.write(new Uint8Array(5000));
          await conn.close();
        }
        await until(() => total === 50_000, 'all bytes');
      },
    );
  });

  test('EL-15, EL-20: a dialled connection with handler and close callback; contexts; one of each', async () => {
    const log: string[] = [];
    await withLoop(
      {
        onPrepare: (conn) => {
          conn.context = 'prepared';
        },
        onConnect(conn) {
          log.push(`connect ${conn.context}`);
          conn.writer.writeString('ping');
          conn.writer.flush();
          conn.addCloseCallback(() => log.push('server closed'));
        },
        onRequest(conn) {
          log.push(`server got ${conn.reader.tryReadString(conn.len)}`);
          conn.close();
        },
      },
      async ({ listener, loop }) => {
        const conn = await dial('tcp', String(listener.addr), {
          onRequest(one) {
            log.push(`client got ${one.reader.tryReadString(one.len)}`);
            one.writer.writeString('pong');
            one.writer.flush();
          },
        });
        conn.addCloseCallback(() => log.push('client closed'));
        await until(() => !conn.isActive && loop.connections === 0, 'both to be closed');
        assert.deepEqual(log, [
          'connect prepared',
          'client got ping',
          'server got pong',
          'server closed',
          'client closed',
        ]);
      },
    );
  });

  test('onPrepare refuses: the client sees the end, nothing else is called', async () => {
    const log: string[] = [];
    await withLoop(
      {
        onPrepare(conn) {
          conn.addCloseCallback(() => log.push('closed'));
          conn.close();
        },
        onConnect: () => void log.push('connect'),
        onRequest: () => void log.push('request'),
      },
      async ({ connect, loop }) => {
        assert.equal(await (await connect()).read(new Uint8Array(1)), null);
        await until(() => loop.connections === 0, 'it to be gone');
        assert.deepEqual(log, ['closed']);
      },
    );
  });

  test('N-14: setOnRequest in onConnect, in onRequest and with bytes waiting takes effect at once', async () => {
    const log: string[] = [];
    const take = (name: string) => (conn: Connection) => {
      log.push(`${name} ${conn.reader.tryReadString(1)}`);
      if (name === 'first') conn.setOnRequest(take('second'));
    };
    await withLoop(
      {
        onConnect: (conn) => conn.setOnRequest(take('first')),
        onRequest: () => void log.push('the old one'),
      },
      async ({ connect }) => {
        await (await connect()).write(bytes('abc'));
        await until(() => log.length === 3, 'three calls');
        assert.deepEqual(log, ['first a', 'second b', 'second c']);
      },
    );
    let accepted: Connection | undefined;
    await withLoop(
      {
        onConnect: (conn) => {
          accepted = conn;
        },
      },
      async ({ connect }) => {
        await (await connect()).write(bytes('waiting'));
        await until(() => accepted?.len === 7, 'the bytes');
        accepted!.setOnRequest((conn) => void log.push(conn.reader.tryReadString(conn.len)!));
        assert.equal(log.at(-1), 'waiting');
      },
    );
  });

  test('closing inside an async handler does not wait for that handler; its calls fail, its callbacks wait', async () => {
    const log: string[] = [];
    await withLoop(
      {
        async onRequest(conn) {
          conn.addCloseCallback(() => log.push('closed'));
          await conn.close();
          log.push('close resolved');
          await assert.rejects(conn.reader.next(1), { code: 'ERR_CLOSED' });
          await assert.rejects(conn.writer.flush(), { code: 'ERR_CLOSED' });
          assert.throws(() => conn.writer.malloc(1), { code: 'ERR_CLOSED' });
          await later(10);
          log.push('handler ends');
        },
      },
      async ({ connect, loop }) => {
        const conn = await connect();
        await conn.write(bytes('x'));
        assert.equal(await conn.read(new Uint8Array(1)), null);
        await until(() => loop.connections === 0, 'it to be gone');
        assert.deepEqual(log, ['close resolved', 'handler ends', 'closed']);
      },
    );
  });

  test('the pool of goroutines is bounded: others begin when one ends', async () => {
    const { configure } = await import('gopark/eventloop');
    configure({ goroutines: 3 });
    let running = 0;
    let most = 0;
    let served = 0;
    try {
      await withLoop(
        {
          async onRequest(conn) {
            most = Math.max(most, ++running);
            conn.reader.tryNext(conn.len);
            await later(5);
            running--;
            served++;
            conn.writer.writeByte(served & 0xff);
            await conn.writer.flush();
          },
        },
        async ({ connect }) => {
          const first = await connect();
          await first.write(bytes('x'));
          await first.read(new Uint8Array(1));
          const conns = await Promise.all(Array.from({ length: 20 }, connect));
          await Promise.all(
            conns.map(async (conn) => {
              await conn.write(bytes('x'));
              assert.equal(await conn.read(new Uint8Array(1)), 1);
            }),
          );
          assert.equal(served, 21);
          assert.equal(most, 3);
        },
      );
    } finally {
      configure({ goroutines: 10_000 });
    }
  });

  test('a half closed peer of a loop with halfOpen is kept until it is closed here', async () => {
    let conn: Connection | undefined;
    await withLoop(
      {
        halfOpen: true,
        onConnect: (one) => {
          conn = one;
        },
        onRequest() {},
      },
      async ({ connect }) => {
        const client = await connect();
        await client.closeWrite();
        await until(() => conn?.ended === true, 'the end');
        await later(10);
        assert.equal(conn!.isActive, true);
        conn!.writer.writeString('late news');
        conn!.writer.flush();
        conn!.close();
        assert.equal(text(await readAll(client)), 'late news');
      },
    );
  });
});
