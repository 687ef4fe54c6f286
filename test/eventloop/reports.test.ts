import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { type Connection, EventLoop, type EventLoopOptions, WriteBufferFullError } from 'gopark/eventloop';
import { NoProgressError } from 'gopark/io';
import { listen, OpError } from 'gopark/net';
import { runChild } from '../lib/child.ts';
import { until } from '../lib/waiting.ts';
import { bytes, quietErrors, withLoop } from './lib.ts';

const MiB = 1024 * 1024;

/** What `runtime.onError` was told of while one peer sent `request` and read nothing, and `conn.reason`. */
async function toldOf(options: EventLoopOptions, request: Uint8Array) {
  const errors = quietErrors();
  let reason: unknown;
  let ends = '';
  try {
    await withLoop(
      {
        ...options,
        onPrepare(conn) {
          ends = `${conn.localAddr}->${conn.remoteAddr}`;
          conn.addCloseCallback(() => {
            reason = conn.reason;
          });
        },
      },
      async ({ connect, loop }) => {
        const client = await connect();
        client.write(request).catch(() => {});
        await until(() => reason !== undefined && loop.connections === 0, 'the connection to be closed');
      },
    );
  } finally {
    errors.restore();
  }
  return { told: errors.seen, reason, ends };
}

const overflow = async (conn: Connection) => {
  conn.reader.trySkip(conn.len);
  while (conn.isActive) {
    conn.writer.writeBinary(new Uint8Array(100_000));
    await conn.writer.flush();
  }
};
const neverWaits = (conn: Connection) => {
  conn.reader.trySkip(conn.len);
  while (conn.isActive) {
    conn.writer.writeBinary(new Uint8Array(100_000));
    conn.writer.flush();
  }
};
const answersMuch = (conn: Connection) => {
  conn.reader.trySkip(conn.len);
  conn.writer.writeBinary(new Uint8Array(32 * MiB));
  return conn.writer.flush();
};

const writesMuch = (conn: Connection) => {
  conn.reader.trySkip(conn.len);
  return conn.write(new Uint8Array(32 * MiB));
};

describe('what the event loop closes a connection for is told', { timeout: 60_000 }, () => {
  test('no progress: once, with the ends of the connection', async () => {
    const options = { readHighWater: 16 * 1024, onRequest() {} };
    const { told, reason, ends } = await toldOf(options, new Uint8Array(MiB));
    assert.deepEqual(told, [reason]);
    assert.ok(reason instanceof NoProgressError);
    assert.ok(reason.message.includes(ends), reason.message);
  });

  for (const [title, whenFull, onRequest] of [
    ['close, a handler that waits', 'close', overflow],
    ['close, a handler that does not wait', 'close', neverWaits],
    ['wait, a handler that does not wait', 'wait', neverWaits],
  ] as const) {
    test(`a full write buffer: ${title}: once, with the ends of the connection`, async () => {
      const { told, reason, ends } = await toldOf(
        { whenFull, writeHighWater: 200_000, onRequest },
        bytes('x'),
      );
      assert.deepEqual(told, [reason]);
      assert.ok(reason instanceof WriteBufferFullError);
      assert.ok(String(reason).includes(ends), String(reason));
    });
  }

  for (const [title, onRequest] of [
    ['a handler that waits for it', async (conn: Connection) => await answersMuch(conn)],
    ['a handler that does not wait', (conn: Connection) => void answersMuch(conn)],
    ['by write, a handler that waits for it', async (conn: Connection) => void (await writesMuch(conn))],
    ['by write, a handler that does not wait', (conn: Connection) => void writesMuch(conn).catch(() => {})],
  ] as const) {
    test(`a write timeout: ${title}: once, with the ends of the connection`, async () => {
      const { told, reason, ends } = await toldOf({ writeTimeout: 50, onRequest }, bytes('x'));
      assert.deepEqual(told, [reason]);
      assert.ok(reason instanceof OpError && reason.code === 'ERR_DEADLINE_EXCEEDED');
      assert.ok(String(reason).includes(ends), String(reason));
    });
  }

  test('many peers that make it close do not flood stderr: one line a second', async () => {
    const ended = await runChild(
      `import { EventLoop } from 'gopark/eventloop';
      import { dial, listen } from 'gopark/net';
      const loop = new EventLoop({ readHighWater: 8192, onRequest() {} });
      const listener = await listen('tcp', '127.0.0.1:0');
      loop.serve(listener);
      const begin = performance.now();
      for (let i = 0; i < 50; i++) {
        const conn = await dial('tcp', String(listener.addr));
        conn.write(new Uint8Array(100_000)).catch(() => {});
        await conn.read(new Uint8Array(1)).catch(() => null);
        conn.closeNow();
      }
      await loop.shutdown();
      console.log(Math.ceil((performance.now() - begin) / 1000));`,
    );
    assert.equal(ended.code, 0, ended.stderr);
    const lines = ended.stderr.trim().split('\n');
    assert.ok(lines.length <= Number(ended.stdout), ended.stderr);
    assert.match(
      lines[0]!,
      /^gopark: goroutine \d+ onRequest, created at .*NoProgressError.*127\.0\.0\.1:\d+->/,
    );
  });

  test('onPrepare that gives a promise that rejects: as if it had thrown', async () => {
    const errors = quietErrors();
    const failure = new Error('cannot prepare');
    const reasons: unknown[] = [];
    const onPrepare = async (conn: Connection) => {
      conn.addCloseCallback(() => reasons.push(conn.reason));
      await null;
      throw failure;
    };
    await withLoop({ onPrepare, onRequest() {} }, async ({ connect, loop }) => {
      const ended = await (await connect()).read(new Uint8Array(1)).catch((error: unknown) => error);
      assert.ok(ended === null || ended instanceof OpError);
      await until(() => loop.connections === 0, 'the connection to be gone');
      assert.deepEqual([errors.seen, reasons], [[failure], [failure]]);
    });
    errors.restore();
  });
});

describe('onConnect and the pool of goroutines', { timeout: 60_000 }, () => {
  async function bounded(limit: number, use: () => Promise<void>): Promise<void> {
    const { configure } = await import('gopark/eventloop');
    configure({ goroutines: limit });
    try {
      await use();
    } finally {
      configure({ goroutines: 10_000 });
    }
  }

  test('at most so many at a time, in order; bytes wait meanwhile', async () => {
    await bounded(3, async () => {
      let running = 0;
      let most = 0;
      const began: string[] = [];
      const gates: (() => void)[] = [];
      const connected = new Set<Connection>();
      await withLoop(
        {
          async onConnect(conn) {
            most = Math.max(most, ++running);
            began.push(String(conn.remoteAddr));
            await new Promise<void>((resolve) => gates.push(resolve));
            connected.add(conn);
            running--;
          },
          onRequest(conn) {
            assert.ok(connected.has(conn), 'not before onConnect has ended');
            conn.moveTo(conn);
            conn.writer.flush();
          },
        },
        async ({ connect, loop }) => {
          const conns = [];
          for (let i = 0; i < 20; i++) {
            const conn = await connect();
            await until(() => loop.connections === i + 1, 'the connection to be accepted');
            await conn.write(bytes(String.fromCharCode(65 + i)));
            conns.push(conn);
          }
          assert.equal(gates.length, 3);
          for (let i = 0; i < 20; i++) {
            await until(() => gates.length > i, `onConnect ${i}`);
            gates[i]!();
            const p = new Uint8Array(1);
            assert.equal(await conns[i]!.read(p), 1);
            assert.equal(p[0], 65 + i);
          }
          assert.equal(most, 3);
          assert.deepEqual(
            began,
            conns.map((conn) => String(conn.localAddr)),
          );
        },
      );
    });
  });

  test('who waits for a goroutine can be closed, by us or by a reset, and others go on', async () => {
    await bounded(1, async () => {
      let release: () => void = () => {};
      const all: Connection[] = [];
      const connected: Connection[] = [];
      const closed: Connection[] = [];
      let disconnected = 0;
      await withLoop(
        {
          onPrepare(conn) {
            all.push(conn);
            conn.addCloseCallback(() => closed.push(conn));
          },
          async onConnect(conn) {
            connected.push(conn);
            if (connected.length === 1) {
              await new Promise<void>((resolve) => {
                release = resolve;
              });
            }
          },
          onRequest() {},
          onDisconnect: () => void disconnected++,
        },
        async ({ connect, loop, listener }) => {
          const third = new Socket();
          third.on('error', () => {});
          for (let i = 0; i < 5; i++) {
            if (i === 3) third.connect({ host: '127.0.0.1', port: listener.addr.port });
            else await connect();
            await until(() => loop.connections === i + 1, 'the connection to be accepted');
          }
          await all[1]!.close();
          all[2]!.closeNow();
          third.write('x', () => third.resetAndDestroy());
          await until(() => all[3]!.ended, 'the reset to be seen');
          // Where a driver takes it for an end, the connection has its turn like others.
          const broken = !all[3]!.isActive;
          assert.deepEqual(closed, broken ? all.slice(1, 4) : all.slice(1, 3));
          assert.equal(disconnected, 0);
          release();
          await until(() => connected.includes(all[4]!), 'the last');
          assert.deepEqual(connected, broken ? [all[0], all[4]] : [all[0], all[3], all[4]]);
        },
      );
    });
  });

  test('an onConnect that does not wait is not kept waiting, nor is onRequest by what onConnect did', async () => {
    await bounded(1, async () => {
      const stuck = new EventLoop({ onConnect: () => new Promise<void>(() => {}), onRequest() {} });
      const listener = await listen('tcp', '127.0.0.1:0');
      const serving = stuck.serve(listener);
      await withLoop(
        {
          onConnect: (conn) => conn.addCloseCallback(() => {}),
          onRequest(conn) {
            conn.moveTo(conn);
            conn.writer.flush();
          },
        },
        async ({ connect }) => {
          const { dial } = await import('gopark/net');
          const holder = await dial('tcp', String(listener.addr));
          await until(() => stuck.connections === 1, 'the pool to be full');
          const conn = await connect();
          await conn.write(bytes('x'));
          assert.equal(await conn.read(new Uint8Array(1)), 1);
          holder.closeNow();
          await stuck.shutdown({ timeout: 1 });
          await serving;
        },
      );
    });
  });
});
