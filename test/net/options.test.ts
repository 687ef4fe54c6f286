import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClosedError, dial, listen, type TCPConn, type TCPOptions, UnsupportedError } from 'gopark/net';
import type { Capability } from '#dist/poll/driver.js';
import { threadPoller } from '#dist/poll/index.js';
import { driverOf, slotOf } from '../lib/inside.ts';
import { needs } from '../lib/needs.ts';
import { tcpPair, withPair } from '../lib/pair.ts';
import { watch } from '../lib/waiting.ts';

type Option = Parameters<ReturnType<typeof driverOf>['getOption']>[1];

function option(conn: TCPConn, name: Option): number {
  return driverOf(conn).getOption(slotOf(conn), name);
}

async function both(options: TCPOptions, check: (conn: TCPConn) => void): Promise<void> {
  await withPair(
    tcpPair,
    async ({ a, b }) => {
      check(a);
      check(b);
    },
    options,
  );
}

describe('options', () => {
  test(
    "the defaults are Go's: no delay, keep-alive after 15 s, every 15 s, 9 times; dialled and accepted",
    needs('keepAliveInterval'),
    async () => {
      await both({}, (conn) => {
        assert.notEqual(option(conn, 'noDelay'), 0);
        assert.notEqual(option(conn, 'keepAlive'), 0);
        assert.equal(option(conn, 'keepAliveIdle'), 15);
        assert.equal(option(conn, 'keepAliveInterval'), 15);
        assert.equal(option(conn, 'keepAliveCount'), 9);
        assert.equal(option(conn, 'linger'), 0);
      });
    },
  );

  test(
    'P-8 keep-alive config: what is given is set, what is left out has its default',
    needs('keepAliveInterval'),
    async () => {
      await both({ keepAlive: { idle: 3, interval: 4, count: 5 }, noDelay: false }, (conn) => {
        assert.equal(option(conn, 'keepAliveIdle'), 3);
        assert.equal(option(conn, 'keepAliveInterval'), 4);
        assert.equal(option(conn, 'keepAliveCount'), 5);
        assert.equal(option(conn, 'noDelay'), 0);
      });
      await both({ keepAlive: { idle: 7 } }, (conn) => {
        assert.equal(option(conn, 'keepAliveIdle'), 7);
        assert.equal(option(conn, 'keepAliveInterval'), 15);
        assert.equal(option(conn, 'keepAliveCount'), 9);
      });
      await both({ keepAlive: false }, (conn) => assert.equal(option(conn, 'keepAlive'), 0));
    },
  );

  test('the setters of a connection', needs('keepAliveInterval', 'linger', 'bufferSizes'), async () => {
    await withPair(tcpPair, async ({ a }) => {
      a.setNoDelay(false);
      assert.equal(option(a, 'noDelay'), 0);
      a.setNoDelay();
      assert.notEqual(option(a, 'noDelay'), 0);
      a.setKeepAlive(false);
      assert.equal(option(a, 'keepAlive'), 0);
      a.setKeepAlive({ idle: 20, interval: 5, count: 2 });
      assert.notEqual(option(a, 'keepAlive'), 0);
      assert.equal(option(a, 'keepAliveIdle'), 20);
      assert.equal(option(a, 'keepAliveInterval'), 5);
      assert.equal(option(a, 'keepAliveCount'), 2);
      a.setKeepAlive();
      assert.equal(option(a, 'keepAliveIdle'), 15);
      a.setLinger(5);
      assert.notEqual(option(a, 'linger'), 0);
      a.setLinger(-1);
      assert.equal(option(a, 'linger'), 0);
      a.setReadBuffer(65_536);
      a.setWriteBuffer(32_768);
      assert.ok(option(a, 'readBuffer') >= 65_536);
      assert.ok(option(a, 'writeBuffer') >= 32_768);
    });
  });

  test(
    'the buffers that a listener asks for are those of its connections',
    needs('bufferSizes'),
    async () => {
      await using listener = await listen('tcp', '127.0.0.1:0', { readBuffer: 32_768, writeBuffer: 16_384 });
      await using dialled = await dial('tcp', String(listener.addr));
      await using accepted = await listener.accept();
      // Linux doubles what it is asked for.
      for (const [name, asked] of [
        ['readBuffer', 32_768],
        ['writeBuffer', 16_384],
      ] as const) {
        const size = option(accepted, name);
        assert.ok(size >= asked && size <= 2 * asked, `${name}: ${size}`);
      }
      assert.ok(option(dialled, 'writeBuffer') > 2 * 16_384);
      for (const bad of [0, -1, 1.5, '1' as never]) {
        await assert.rejects(listen('tcp', '127.0.0.1:0', { readBuffer: bad }));
        await assert.rejects(listen('tcp', '127.0.0.1:0', { writeBuffer: bad }));
      }
    },
  );

  test('nonsense is refused', async () => {
    await withPair(tcpPair, async ({ a }) => {
      for (const bad of [1.5, Number.NaN, 1e9, Infinity, '1' as never]) {
        assert.throws(() => a.setLinger(bad));
      }
      for (const bad of [0, -1, 1.5, Number.NaN, '1' as never]) {
        assert.throws(() => a.setReadBuffer(bad));
        assert.throws(() => a.setWriteBuffer(bad));
        assert.throws(() => a.setKeepAlive({ idle: bad }));
      }
    });
    await using listener = await listen('tcp', '127.0.0.1:0');
    for (const closeTimeout of [-1, Number.NaN, '5' as never]) {
      await assert.rejects(dial('tcp', String(listener.addr), { closeTimeout }), RangeError);
    }
    for (const backlog of [0, -1, 1.5, '5' as never]) {
      await assert.rejects(listen('tcp', '127.0.0.1:0', { backlog }));
    }
  });

  test('on a closed connection every setter throws ClosedError', async () => {
    await withPair(tcpPair, async ({ a }) => {
      await a.close();
      for (const set of [
        () => a.setNoDelay(),
        () => a.setKeepAlive(),
        () => a.setLinger(0),
        () => a.setReadBuffer(4096),
        () => a.setWriteBuffer(4096),
      ]) {
        assert.throws(set, ClosedError);
      }
    });
  });

  test('reusePort: two listeners on one address, both get connections', needs('reusePort'), async () => {
    await using first = await listen('tcp', '127.0.0.1:0', { reusePort: true });
    await using second = await listen('tcp', String(first.addr), { reusePort: true });
    const seen = [0, 0];
    const loops = [first, second].map((listener, i) =>
      listener.serve(async () => {
        seen[i]!++;
      }),
    );
    for (let i = 0; i < 60; i++) {
      await using conn = await dial('tcp', String(first.addr));
      await conn.read(new Uint8Array(1));
    }
    await first.close();
    await second.close();
    await Promise.all(loops);
    assert.equal(seen[0]! + seen[1]!, 60);
    assert.ok(seen[0]! > 0 && seen[1]! > 0, String(seen));
  });
});

describe('options: what this driver lacks is refused, and never ignored', () => {
  const lacking: Partial<Record<Capability, () => Promise<void>>> = {
    closeRead: () => withPair(tcpPair, ({ a }) => a.closeRead()),
    bufferSizes: () => withPair(tcpPair, async ({ a }) => a.setReadBuffer(65_536)),
    linger: () => withPair(tcpPair, async ({ a }) => a.setLinger(5)),
    keepAliveInterval: () => withPair(tcpPair, async ({ a }) => a.setKeepAlive({ interval: 5 })),
    reusePort: async () => (await listen('tcp', '127.0.0.1:0', { reusePort: true })).close(),
    trafficClass: () => withPair(tcpPair, async ({ a }) => a.setDSCP(46)),
    userTimeout: () => withPair(tcpPair, async ({ a }) => a.setUserTimeout(5000)),
    tcpInfo: () => withPair(tcpPair, async ({ a }) => void a.info()),
    fastOpen: async () => (await listen('tcp', '127.0.0.1:0', { fastOpen: true })).close(),
    multipath: async () => (await listen('tcp', '127.0.0.1:0', { multipath: true })).close(),
    localAddress: () =>
      withPair(tcpPair, async () => {
        await using listener = await listen('tcp', '127.0.0.1:0');
        await using _ = await dial('tcp', String(listener.addr), { localAddress: '127.0.0.1:0' });
      }),
  };
  for (const [capability, call] of Object.entries(lacking)) {
    test(capability, async () => {
      const { driver } = threadPoller();
      const outcome = watch(call());
      await outcome.promise;
      if (driver.capabilities.has(capability as Capability)) {
        assert.deepEqual(outcome.outcome, { state: 'resolved', value: undefined });
      } else {
        const error = outcome.outcome.state === 'rejected' ? outcome.outcome.error : null;
        assert.ok(error instanceof UnsupportedError, String(error));
        assert.equal(error.code, 'ERR_UNSUPPORTED');
      }
    });
  }
});
