import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { go, runtime } from 'gopark';
import {
  AddrError,
  DeadlineExceededError,
  DNSError,
  dial,
  joinHostPort,
  listen,
  OpError,
  splitHostPort,
  type TCPConn,
} from 'gopark/net';
import { withBlackHole } from '../lib/black-hole.ts';
import { text } from '../lib/bytes.ts';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { echo, roundTrip } from '../lib/peers.ts';
import { rejection, turns, until, watch } from '../lib/waiting.ts';

describe('dial: time and signals', () => {
  test('T-1 dial timeout: ends in time, and is a timeout', async () => {
    await withBlackHole(async (port, host) => {
      const sockets = openSockets();
      for (const timeout of [30, 1, 0, -5000, -Infinity]) {
        const start = performance.now();
        const error = await rejection(dial('tcp', `${host}:${port}`, { timeout }));
        const took = performance.now() - start;
        assert.ok(error instanceof DeadlineExceededError, String(error));
        assert.equal(error.op, 'dial');
        assert.equal(error.net, 'tcp');
        assert.equal(error.timeout, true);
        assert.ok(took >= Math.max(0, timeout) - 1 && took < 1000, `${took} ms`);
      }
      await socketsBackAt(sockets);
    });
  });

  test('dial timeout: covers all addresses of a name together', { timeout: 10_000 }, async () => {
    await withBlackHole(async (port) => {
      // "localhost" has that address twice here, or ::1 as well: each try must see the time that is left.
      const start = performance.now();
      const error = await rejection(dial('tcp', `localhost:${port}`, { timeout: 50 }));
      assert.ok(performance.now() - start < 1500);
      // With ::1 tried first and refused, the reason that counts is still the time.
      assert.ok(error instanceof OpError, String(error));
    });
  });

  test('T-2 the longest timeouts do not overflow', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    for (const timeout of [2 ** 31, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, Infinity]) {
      (await dial('tcp', String(listener.addr), { timeout })).closeNow();
    }
    await assert.rejects(dial('tcp', String(listener.addr), { timeout: Number.NaN }), RangeError);
    await assert.rejects(dial('tcp', String(listener.addr), { timeout: '1' as never }), RangeError);
  });

  test('C-18 a cancelled dial rejects with the reason of its signal', async () => {
    await withBlackHole(async (port, host) => {
      const sockets = openSockets();
      assert.equal(
        await rejection(dial('tcp', `${host}:${port}`, { signal: AbortSignal.abort('before') })),
        'before',
      );
      const controller = new AbortController();
      const dialling = dial('tcp', `${host}:${port}`, { signal: controller.signal, timeout: 60_000 });
      dialling.catch(() => {});
      await turns(5);
      const reason = new Error('meanwhile');
      controller.abort(reason);
      assert.equal(await rejection(dialling), reason);
      const name = (await rejection(
        dial('tcp', `${host}:${port}`, { signal: AbortSignal.timeout(10) }),
      )) as unknown as DOMException;
      assert.equal(name.name, 'TimeoutError');
      await socketsBackAt(sockets);
    });
  });

  test('a dial that is aborted during the lookup ends only its goroutine', async () => {
    const errors: unknown[] = [];
    runtime.onError = (error) => errors.push(error);
    try {
      for (const reason of [new Error('own reason'), 'a text', undefined]) {
        const controller = new AbortController();
        const count = errors.length;
        go(() => dial('tcp', 'localhost:1', { signal: controller.signal }));
        await Promise.resolve();
        await Promise.resolve();
        controller.abort(reason);
        await until(() => errors.length > count, 'onError');
        if (reason !== undefined) assert.equal(errors.at(-1), reason);
      }
    } finally {
      runtime.onError = null;
    }
  });

  test('D-8 cancel race: the conn is whole, or there is none; cancelling afterwards has no effect', async () => {
    const sockets = openSockets();
    const listener = await listen('tcp', '127.0.0.1:0');
    const serving = listener.serve(echo);
    let won = 0;
    for (let i = 0; i < 100; i++) {
      const controller = new AbortController();
      const dialling = watch(dial('tcp', String(listener.addr), { signal: controller.signal }));
      for (let k = 0; k < i % 12; k++) await Promise.resolve();
      await turns(i % 3);
      controller.abort('race');
      await dialling.promise;
      const outcome = dialling.outcome;
      if (outcome.state === 'resolved') {
        won++;
        await roundTrip(outcome.value);
        await outcome.value.close();
      } else if (outcome.state === 'rejected') {
        assert.equal(outcome.error, 'race');
      }
    }
    const controller = new AbortController();
    await using conn = await dial('tcp', String(listener.addr), { signal: controller.signal });
    controller.abort();
    await roundTrip(conn);
    await conn.close();
    await listener.close();
    await serving;
    assert.ok(won < 100, 'some must have been cancelled');
    await socketsBackAt(sockets);
  });

  test('P-6 no spurious completion: dials against a listener that goes away', async () => {
    const sockets = openSockets();
    let address = '127.0.0.1:0';
    for (let round = 0; round < 30; round++) {
      const listener = await listen('tcp', address).catch(() => null);
      if (listener === null) continue;
      address = String(listener.addr);
      const dials = Array.from({ length: 20 }, async () => {
        let conn: TCPConn;
        try {
          conn = await dial('tcp', address, { timeout: 500 });
        } catch (error) {
          assert.ok(error instanceof OpError, String(error));
          return;
        }
        const failed = await conn.write(text('x')).then(
          () =>
            conn.flush().then(
              () => null,
              (error) => error as OpError,
            ),
          (error) => error as OpError,
        );
        assert.notEqual(failed?.code, 'ENOTCONN');
        conn.closeNow();
      });
      if (round % 2) await turns(1);
      await listener.close();
      await Promise.all(dials);
    }
    await socketsBackAt(sockets);
  });
});

describe('dial: addresses and errors', () => {
  test('D-9 dialling the address of a listener on ":0" works', async () => {
    for (const network of ['tcp', 'tcp4'] as const) {
      await using listener = await listen(network, ':0');
      await using conn = await dial(network, String(listener.addr));
      await using accepted = await listener.accept();
      assert.equal(String(accepted.remoteAddr), String(conn.localAddr));
      assert.equal(String(accepted.localAddr), String(conn.remoteAddr));
      assert.equal(accepted.remoteAddr.network, 'tcp');
    }
  });

  test('an IPv4 peer on a dual-stack listener shows as IPv4', async () => {
    await using listener = await listen('tcp', ':0');
    await using conn = await dial('tcp4', `127.0.0.1:${listener.addr.port}`);
    await using accepted = await listener.accept();
    assert.equal(accepted.remoteAddr.host, '127.0.0.1');
    assert.equal(accepted.localAddr.host, '127.0.0.1');
    assert.equal(String(accepted.remoteAddr), String(conn.localAddr));
  });

  test('a refused dial: code, addresses, numbers', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const address = String(listener.addr);
    await listener.close();
    const error = await rejection(dial('tcp4', address));
    assert.ok(error instanceof OpError);
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(error.errno, -111);
    assert.equal(error.syscall, 'connect');
    assert.equal(error.op, 'dial');
    assert.equal(error.net, 'tcp4');
    assert.equal(error.source, null);
    assert.equal(String(error.addr), address);
    assert.equal(error.timeout, false);
    assert.equal(error.message, `dial tcp4 ${address}: connection refused`);
  });

  test('C-16 an address of the wrong family is an AddrError with that address', async () => {
    for (const [network, host] of [
      ['tcp4', '::1'],
      ['tcp6', '127.0.0.1'],
    ] as const) {
      for (const call of [
        dial(network, joinHostPort(host, 80)),
        listen(network, joinHostPort(host, 0)).then((l) => l.close()),
      ]) {
        const error = (await rejection(call)) as unknown;
        assert.ok(error instanceof AddrError, String(error));
        assert.equal(error.addr, host);
      }
    }
  });

  test('C-15 what is no address or no network is refused, and no socket is opened', async () => {
    const sockets = openSockets();
    for (const address of [
      '',
      'localhost',
      '127.0.0.1',
      '127.0.0.1:-1',
      '127.0.0.1:123456789',
      '127.0.0.1:6553６',
      '::1:80',
      '[::1]',
      '[::1',
      '[::1]80',
      'a]:1',
    ]) {
      const error = (await rejection(dial('tcp', address))) as unknown;
      assert.ok(error instanceof AddrError, `${address}: ${error}`);
      await assert.rejects(listen('tcp', address), AddrError);
    }
    for (const network of ['', 'tcp5', 'TCP', 'toString'] as never[]) {
      assert.equal((await rejection(dial(network, '127.0.0.1:1'))).code, 'ERR_UNKNOWN_NETWORK');
      assert.equal((await rejection(listen(network, '127.0.0.1:1'))).code, 'ERR_UNKNOWN_NETWORK');
    }
    const unknown = (await rejection(dial('tcp', 'no-such-host.invalid:80'))) as unknown;
    assert.ok(unknown instanceof DNSError, String(unknown));
    assert.equal(unknown.hostname, 'no-such-host.invalid');
    assert.equal(openSockets(), sockets);
  });

  test('P-7 a second listen on the same address fails; tcp4 and tcp6 wildcards coexist', async () => {
    await using first = await listen('tcp4', '127.0.0.1:0');
    const error = await rejection(listen('tcp', String(first.addr)));
    assert.equal(error.code, 'EADDRINUSE');
    assert.equal(error.op, 'listen');
    assert.equal(String(error.addr), String(first.addr));

    await using four = await listen('tcp4', ':0');
    await using six = await listen('tcp6', `:${four.addr.port}`);
    assert.equal(four.addr.host, '0.0.0.0');
    assert.equal(six.addr.host, '::');
    await using dual = await listen('tcp', ':0');
    assert.equal(dual.addr.host, '::', 'one socket for both families');
    for (const [network, host] of [
      ['tcp', ''],
      ['tcp4', '0.0.0.0'],
      ['tcp', '[::]'],
    ] as const) {
      const conflict = await rejection(listen(network, `${host}:${dual.addr.port}`));
      assert.equal(conflict.code, 'EADDRINUSE', `${network} ${host}`);
    }
  });

  test('listen: a signal ends its lookup, and has no effect afterwards', async () => {
    await assert.rejects(listen('tcp', '127.0.0.1:0', { signal: AbortSignal.abort(new Error('no')) }), /no/);
    const controller = new AbortController();
    const looking = listen('tcp', 'localhost:0', { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(looking, /enough/);
    const later = new AbortController();
    await using listener = await listen('tcp', 'localhost:0', { signal: later.signal });
    later.abort();
    const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
    await a.close();
    await b.close();
  });

  test('local address: taken, in use, nonsense', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    await using conn = await dial('tcp', String(listener.addr), { localAddress: '127.0.0.2:0' });
    assert.equal(conn.localAddr.host, '127.0.0.2');
    (await listener.accept()).closeNow();
    const taken = await rejection(
      dial('tcp', String(listener.addr), { localAddress: `127.0.0.1:${listener.addr.port}` }),
    );
    assert.equal(taken.code, 'EADDRINUSE');
    const nonsense = await rejection(dial('tcp', String(listener.addr), { localAddress: '[::1]:0' }));
    assert.ok(nonsense instanceof OpError, String(nonsense));
    await assert.rejects(dial('tcp', String(listener.addr), { localAddress: 'nowhere' }), AddrError);
  });

  test('host and port: apart and together again', () => {
    for (const [host, port, joined] of [
      ['127.0.0.1', '80', '127.0.0.1:80'],
      ['::1', '80', '[::1]:80'],
      ['fe80::1%eth0', '80', '[fe80::1%eth0]:80'],
      ['', '80', ':80'],
      ['host', '', 'host:'],
    ] as const) {
      assert.equal(joinHostPort(host, port), joined);
      assert.deepEqual(splitHostPort(joined), { host, port });
    }
  });
});

describe('signals: nothing is left behind', () => {
  test('a long-lived signal keeps no listener of calls that are over', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = () => getEventListeners(signal, 'abort').length;
    await using listener = await listen('tcp', '127.0.0.1:0');
    for (let i = 0; i < 5; i++) {
      const accepting = listener.accept({ signal });
      const conn = await dial('tcp', String(listener.addr), { signal });
      const accepted = await accepting;
      const reading = conn.read(new Uint8Array(1), { signal });
      await turns(1);
      assert.equal(listeners(), 1, 'while it waits');
      await accepted.write(text('x'), { signal });
      await reading;
      await accepted.flush({ signal });
      const big = accepted.write(new Uint8Array(16 * 1024 * 1024), { signal });
      const p = new Uint8Array(64 * 1024);
      for (let left = 16 * 1024 * 1024; left > 0; ) left -= (await conn.read(p, { signal }))!;
      await big;
      conn.setReadTimeout(1);
      await conn.read(p, { signal }).catch(() => {});
      conn.setReadTimeout(null);
      const waiting = [
        conn.waitReadable({ signal }) as Promise<unknown>,
        conn.read(p, { signal }),
        conn.read(p, { signal }),
      ].map((call) => watch<unknown>(call));
      await turns(1);
      assert.equal(listeners(), 3);
      await accepted.close();
      await Promise.all(waiting.map((watched) => watched.promise));
      conn.closeNow();
    }
    assert.equal(listeners(), 0);
    controller.abort();
  });

  test('a long-lived signal remembers no dial that is over', async () => {
    const { signal } = new AbortController();
    const remembered = () =>
      Object.getOwnPropertySymbols(signal)
        .map((symbol) => (signal as unknown as Record<symbol, unknown>)[symbol])
        .reduce<number>(
          (sum, value) => sum + (value instanceof Set || value instanceof Map ? value.size : 0),
          0,
        );
    await using listener = await listen('tcp', '127.0.0.1:0');
    const dialOnce = async () => {
      const conn = await dial('tcp', String(listener.addr), { signal, timeout: 10_000 });
      (await listener.accept()).closeNow();
      conn.closeNow();
    };
    await dialOnce();
    const before = remembered();
    for (let i = 0; i < 20; i++) await dialOnce();
    assert.equal(remembered(), before);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('a hundred calls on one signal give no warning', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.message);
    process.on('warning', onWarning);
    await using listener = await listen('tcp', '127.0.0.1:0');
    const controller = new AbortController();
    const calls = Array.from({ length: 100 }, () => watch(listener.accept({ signal: controller.signal })));
    await turns(2);
    controller.abort('all');
    await Promise.all(calls.map((call) => call.promise));
    for (const call of calls) assert.deepEqual(call.outcome, { state: 'rejected', error: 'all' });
    await turns(2);
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });
});

test('a network that is known at run time only', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gopark-'));
  const ways: ['tcp' | 'unix', string][] = [['tcp', '127.0.0.1:0']];
  if (needs('unix').skip === false) ways.push(['unix', join(folder, 'a.sock')]);
  try {
    for (const [network, address] of ways) {
      await using listener = await listen(network, address, { backlog: 5 });
      await using conn = await dial(network, String(listener.addr), { timeout: 5000 });
      await using accepted = await listener.accept();
      assert.equal(String(accepted.localAddr), String(conn.remoteAddr));
      assert.equal(accepted.localAddr.network, network);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
