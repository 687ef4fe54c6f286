import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import {
  AddrError,
  DeadlineExceededError,
  DialError,
  Dialer,
  type DialerOptions,
  DNSError,
  dial,
  listen,
  OpError,
  Resolver,
} from 'gopark/net';
import { interleave } from '#dist/net/dialer.js';
import { threadPoller } from '#dist/poll/index.js';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { echo, roundTrip } from '../lib/peers.ts';
import { rejection, until, watch } from '../lib/waiting.ts';
import { BlackHole } from './lib/black-hole.ts';
import { type Answer, DNSServer, type Question } from './lib/dns-server.ts';

/** A dialer for which "host.test" has these addresses. */
async function withHost(
  addresses: { four?: string[]; six?: string[] },
  options: DialerOptions,
  use: (dialer: Dialer, server: DNSServer) => Promise<void>,
): Promise<void> {
  const answer = ({ type, name }: Question): Answer => {
    if (name !== 'host.test') return 3;
    return (type === 'AAAA' ? addresses.six : addresses.four) ?? [];
  };
  await using server = await DNSServer.start(answer);
  const resolver = new Resolver({ kind: 'c-ares', servers: [server.address] });
  await use(new Dialer({ resolver, ...options }), server);
}

/** A port of 127.0.0.1 that nobody listens on. */
async function deadPort(): Promise<number> {
  const listener = await listen('tcp', '127.0.0.1:0');
  await listener.close();
  return listener.addr.port;
}

const linux = process.platform === 'linux' ? false : '127.0.0.2 is Linux only';

describe('dialer: the race for one of several addresses', { skip: linux }, () => {
  test('an address that swallows everything costs the fallback delay, not the patience of the system', async () => {
    await using hole = await BlackHole.open('127.0.0.1');
    await using listener = await listen('tcp', `127.0.0.2:${hole.port}`);
    const serving = listener.serve(echo);
    const sockets = openSockets();
    await withHost({ four: ['127.0.0.1', '127.0.0.2'] }, { fallbackDelay: 30 }, async (dialer) => {
      const start = performance.now();
      const conn = await dialer.dial('tcp', `host.test:${hole.port}`, {
        signal: AbortSignal.timeout(30_000),
      });
      const took = performance.now() - start;
      // The kernel itself would try the first address for two minutes.
      assert.ok(took >= 29 && took < 9000, `${took} ms`);
      assert.equal(conn.remoteAddr.host, '127.0.0.2');
      await roundTrip(conn);
      await conn.close();
    });
    await socketsBackAt(sockets);
    await listener.close();
    await serving;
  });

  test('a slow address goes on while others are tried, and can still win', { timeout: 30_000 }, async () => {
    await using slow = await BlackHole.open('127.0.0.1');
    await using dead = await BlackHole.open('127.0.0.2', slow.port);
    const sockets = openSockets();
    await withHost({ four: ['127.0.0.1', dead.host] }, { fallbackDelay: 20 }, async (dialer) => {
      const dialling = dialer.dial('tcp', `host.test:${slow.port}`, { signal: AbortSignal.timeout(20_000) });
      void watch(dialling);
      await until(() => slow.connecting === 2, 'both to be tried', 15_000);
      // Long after its turn was over: the kernel tries it again after a second.
      slow.release();
      const conn = await dialling;
      assert.equal(conn.remoteAddr.host, '127.0.0.1');
      conn.closeNow();
    });
    await socketsBackAt(sockets);
  });

  test('a refused address lets the next one begin at once', async () => {
    await using listener = await listen('tcp', '127.0.0.2:0');
    await withHost({ four: ['127.0.0.1', '127.0.0.2'] }, { fallbackDelay: 60_000 }, async (dialer) => {
      const conn = await dialer.dial('tcp', `host.test:${listener.addr.port}`, {
        signal: AbortSignal.timeout(30_000),
      });
      assert.equal(conn.remoteAddr.host, '127.0.0.2');
      conn.closeNow();
    });
  });

  test('families take turns', () => {
    const four = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
    const six = ['2001:db8::1', '2001:db8::2'];
    assert.deepEqual(interleave([...six, ...four], undefined), [six[0], four[0], six[1], four[1], four[2]]);
    assert.deepEqual(interleave([...four, ...six], undefined), [four[0], six[0], four[1], six[1], four[2]]);
    assert.deepEqual(interleave([...four, ...six], '10.0.0.0'), [six[0], four[0], six[1], four[1], four[2]]);
    assert.deepEqual(interleave(four, '10.0.0.0'), four);
    assert.deepEqual(interleave([], undefined), []);
  });

  test('both families, only one of them listens', async () => {
    await using listener = await listen('tcp4', '127.0.0.1:0');
    await withHost({ four: ['127.0.0.1'], six: ['::1'] }, {}, async (dialer, server) => {
      const conn = await dialer.dial('tcp', `host.test:${listener.addr.port}`);
      assert.equal(conn.remoteAddr.host, '127.0.0.1');
      conn.closeNow();
      const four = await dialer.dial('tcp4', `host.test:${listener.addr.port}`);
      four.closeNow();
      assert.equal(server.count('AAAA'), 1, 'tcp4 does not ask for the others');
      const six = await rejection(dialer.dial('tcp6', `host.test:${listener.addr.port}`));
      assert.ok(
        ['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT'].includes(six.code),
        six.code,
      );
    });
  });

  test('a hundred dials at once: one lookup, and no socket is left', async () => {
    await using listener = await listen('tcp', '127.0.0.2:0');
    const serving = listener.serve(echo);
    const sockets = openSockets();
    await withHost({ four: ['127.0.0.1', '127.0.0.2'] }, {}, async (dialer, server) => {
      const conns = await Promise.all(
        Array.from({ length: 100 }, () => dialer.dial('tcp4', `host.test:${listener.addr.port}`)),
      );
      assert.equal(server.count('A'), 1);
      await Promise.all(conns.map((conn) => roundTrip(conn).then(() => conn.close())));
    });
    await socketsBackAt(sockets);
    await listener.close();
    await serving;
  });
});

describe('dialer: errors', { skip: linux }, () => {
  test('all addresses failed: one error that names each', async () => {
    const port = await deadPort();
    await withHost({ four: ['127.0.0.1', '127.0.0.2'] }, {}, async (dialer) => {
      const error = (await rejection(dialer.dial('tcp', `host.test:${port}`))) as unknown;
      assert.ok(error instanceof DialError, String(error));
      assert.equal(
        error.message,
        `dial tcp host.test:${port}: no address answered: ` +
          `127.0.0.1:${port} connection refused (ECONNREFUSED), 127.0.0.2:${port} connection refused (ECONNREFUSED)`,
      );
      assert.deepEqual(
        [error.code, error.op, error.net, error.syscall],
        ['ECONNREFUSED', 'dial', 'tcp', 'connect'],
      );
      assert.equal(error.errno, -111);
      assert.equal(String(error.addr), `host.test:${port}`);
      assert.deepEqual(
        error.errors.map(({ addr }) => String(addr)),
        [`127.0.0.1:${port}`, `127.0.0.2:${port}`],
      );
      assert.equal(error.cause, error.errors[0]);
      assert.equal(error.timeout, false);
    });
  });

  test('one address failed: its own error', async () => {
    const port = await deadPort();
    await withHost({ four: ['127.0.0.1'] }, {}, async (dialer) => {
      const error = (await rejection(dialer.dial('tcp4', `host.test:${port}`))) as unknown;
      assert.ok(error instanceof OpError && !(error instanceof DialError));
      assert.equal(error.message, `dial tcp4 127.0.0.1:${port}: connection refused`);
    });
  });

  test('the time is over: it says what each address did', async () => {
    await using hole = await BlackHole.open('127.0.0.2');
    const sockets = openSockets();
    await withHost({ four: ['127.0.0.1', '127.0.0.2'] }, { timeout: 1500 }, async (dialer) => {
      const error = (await rejection(dialer.dial('tcp', `host.test:${hole.port}`))) as unknown;
      assert.ok(error instanceof DeadlineExceededError, String(error));
      assert.equal(
        error.message,
        `dial tcp host.test:${hole.port}: i/o timeout ` +
          `(127.0.0.1:${hole.port} connection refused (ECONNREFUSED), 127.0.0.2:${hole.port} no answer)`,
      );
      assert.equal(error.timeout, true);
      assert.equal((error.cause as OpError).code, 'ECONNREFUSED');
    });
    await withHost({ four: ['127.0.0.2'] }, { timeout: 1000 }, async (dialer) => {
      const error = await rejection(dialer.dial('tcp', `host.test:${hole.port}`));
      assert.equal(error.message, `dial tcp 127.0.0.2:${hole.port}: i/o timeout`);
    });
    const literal = await rejection(dial('tcp', `127.0.0.2:${hole.port}`, { timeout: 50 }));
    assert.equal(literal.message, `dial tcp 127.0.0.2:${hole.port}: i/o timeout`);
    await socketsBackAt(sockets);
  });

  test('time and signals end a lookup, too', async () => {
    await using server = await DNSServer.start(() => 'silence');
    const resolver = new Resolver({ kind: 'c-ares', servers: [server.address], timeout: 60_000 });
    const late = (await rejection(dial('tcp', 'host.test:80', { resolver, timeout: 50 }))) as unknown;
    assert.ok(late instanceof DeadlineExceededError);
    assert.equal(late.message, 'dial tcp host.test:80: i/o timeout (looking up "host.test")');
    const controller = new AbortController();
    const dialling = dial('tcp', 'host.test:80', { resolver, signal: controller.signal });
    void watch(dialling);
    await until(() => server.asked.length > 2, 'the question');
    const reason = new Error('enough');
    controller.abort(reason);
    assert.equal((await rejection(dialling)) as unknown, reason);
  });

  test('an aborted race leaves no socket', async () => {
    await using one = await BlackHole.open('127.0.0.1');
    await using two = await BlackHole.open('127.0.0.2', one.port);
    const sockets = openSockets();
    await withHost({ four: [one.host, two.host] }, { fallbackDelay: 10 }, async (dialer) => {
      const controller = new AbortController();
      const dialling = dialer.dial('tcp', `host.test:${one.port}`, { signal: controller.signal });
      void watch(dialling);
      await until(() => one.connecting === 2, 'both to be tried', 15_000);
      controller.abort('enough');
      assert.equal(await rejection(dialling), 'enough');
    });
    await socketsBackAt(sockets);
  });

  test('no such host; nonsense in the options', async () => {
    await withHost({}, {}, async (dialer) => {
      const error = (await rejection(dialer.dial('tcp', 'other.test:80'))) as unknown;
      assert.ok(error instanceof DNSError && error.isNotFound);
      assert.equal(error.hostname, 'other.test');
      const empty = (await rejection(dialer.dial('tcp', 'host.test:80'))) as unknown;
      assert.ok(empty instanceof DNSError && empty.isNotFound);
    });
    for (const options of [{ timeout: Number.NaN }, { fallbackDelay: 9 }, { fallbackDelay: Number.NaN }]) {
      assert.throws(() => new Dialer(options), RangeError);
    }
    assert.throws(() => new Dialer({ resolver: 'magic' as never }), TypeError);
    assert.throws(() => new Dialer({ localAddress: 'localhost:0' }), AddrError);
  });
});

describe('dialer: the near end', { skip: linux }, () => {
  test('only addresses of the family of the local one are tried', async () => {
    await using listener = await listen('tcp4', '127.0.0.1:0');
    const to = `host.test:${listener.addr.port}`;
    await withHost({ four: ['127.0.0.1'], six: ['::1'] }, { localAddress: '127.0.0.3:0' }, async (dialer) => {
      const conn = await dialer.dial('tcp', to);
      assert.equal(conn.localAddr.host, '127.0.0.3');
      conn.closeNow();
    });
    await withHost({ four: ['127.0.0.1'] }, { localAddress: '[::1]:0' }, async (dialer) => {
      const error = (await rejection(dialer.dial('tcp', to))) as unknown;
      assert.ok(error instanceof OpError && error.code === 'ERR_ADDRESS', String(error));
      assert.equal(String(error.source), '[::1]:0');
    });
  });

  test('a port by the name of its service', async () => {
    const error = await rejection(dial('tcp', '127.0.0.1:pop3s', { timeout: 5000 }));
    assert.equal(String(error.addr), '127.0.0.1:995');
    assert.ok(((await rejection(dial('tcp', '127.0.0.1:no-such-service'))) as unknown) instanceof AddrError);
  });

  test('the system chose the very port that is dialled: no connection to oneself', async () => {
    const port = await deadPort();
    const { driver } = threadPoller();
    const { connect } = driver;
    let calls = 0;
    // What chance does rarely: the near port is the far one.
    driver.connect = (host, to, local) =>
      connect.call(driver, host, to, calls++ === 0 ? { host, port: to } : local);
    try {
      assert.equal((await rejection(dial('tcp', `127.0.0.1:${port}`))).code, 'ECONNREFUSED');
      assert.equal(calls, 2);
      // Asked for by name it is what was asked for.
      const self = `127.0.0.1:${await deadPort()}`;
      const conn = await dial('tcp', self, { localAddress: self });
      assert.equal(String(conn.localAddr), String(conn.remoteAddr));
      conn.closeNow();
      assert.equal(calls, 3);
    } finally {
      driver.connect = connect;
    }
  });

  test('a port that was taken just then: another try, twice', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    const { driver } = threadPoller();
    const { connect } = driver;
    let failures = 2;
    let calls = 0;
    driver.connect = (...args) =>
      ++calls <= failures ? -constants.errno.EADDRNOTAVAIL : connect.apply(driver, args);
    try {
      (await dial('tcp', String(listener.addr))).closeNow();
      assert.equal(calls, 3);
      calls = 0;
      failures = Number.POSITIVE_INFINITY;
      assert.equal((await rejection(dial('tcp', String(listener.addr)))).code, 'EADDRNOTAVAIL');
      assert.equal(calls, 3);
    } finally {
      driver.connect = connect;
    }
  });
});
