import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { ClosedError, dial, listen, OpError, type TCPConn, UnsupportedError } from 'gopark/net';
import { driverOf, slotOf } from '../lib/inside.ts';
import { needs } from '../lib/needs.ts';
import { tcpPair, tcpPairs, withPair } from '../lib/pair.ts';
import { rejection, until } from '../lib/waiting.ts';

type Option = Parameters<ReturnType<typeof driverOf>['getOption']>[1];

function option(conn: TCPConn, name: Option): number {
  return driverOf(conn).getOption(slotOf(conn), name);
}

const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

function setting(name: string): number {
  try {
    return Number(readFileSync(`/proc/sys/net/${name}`, 'utf8'));
  } catch {
    return 0;
  }
}

describe('class of service', () => {
  test('the option: dialled and accepted, both families', needs('trafficClass'), async () => {
    const families = hasIPv6 ? (['tcp4', 'tcp6'] as const) : (['tcp4'] as const);
    for (const family of families) {
      const which = family === 'tcp4' ? 'trafficClass4' : 'trafficClass6';
      await withPair(
        tcpPairs(family),
        async ({ a, b }) => {
          assert.equal(option(a, which), 46 << 2);
          assert.equal(option(b, which), 46 << 2);
          a.setDSCP(0);
          assert.equal(option(a, which), 0);
          a.setDSCP(63);
          assert.equal(option(a, which), 63 << 2);
        },
        { dscp: 46 },
      );
    }
  });

  test('nonsense is refused before anything is opened', async () => {
    for (const dscp of [-1, 64, 1.5, '8' as never]) {
      if (needs('trafficClass').skip !== false) break;
      await assert.rejects(listen('tcp', '127.0.0.1:0', { dscp }), RangeError);
      await assert.rejects(dial('tcp', '127.0.0.1:1', { dscp }), RangeError);
    }
    await withPair(tcpPair, async ({ a }) => {
      for (const bad of [-1, 64, 1.5]) assert.throws(() => a.setDSCP(bad), RangeError);
      for (const bad of [-1, 1.5, 2 ** 31]) assert.throws(() => a.setUserTimeout(bad), RangeError);
    });
  });
});

describe('TCP_USER_TIMEOUT', () => {
  test('the option and the setter', needs('userTimeout'), async () => {
    await withPair(
      tcpPair,
      async ({ a, b }) => {
        assert.equal(option(a, 'userTimeout'), 7000);
        assert.equal(option(b, 'userTimeout'), 7000);
        a.setUserTimeout(0);
        assert.equal(option(a, 'userTimeout'), 0);
      },
      { userTimeout: 7000 },
    );
  });
});

describe('info', () => {
  test('state, round trip, and the bytes that went; closed: ClosedError', needs('tcpInfo'), async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const sent = new Uint8Array(100_000);
      await a.write(sent);
      for (let received = 0; received < sent.length; ) received += (await b.read(new Uint8Array(65_536)))!;
      await until(() => a.info().bytesAcknowledged >= sent.length, 'everything to be acknowledged');
      const info = a.info();
      assert.equal(info.state, 'established');
      assert.ok(info.rtt > 0 && info.rtt < 60_000, `rtt ${info.rtt}`);
      assert.ok(info.minimumRTT > 0 && info.minimumRTT <= 60_000);
      assert.ok(info.retransmissionTimeout >= 1 && info.retransmissionTimeout <= 120_000);
      assert.ok(info.sendSegmentSize > 500 && info.congestionWindow > 0 && info.pathMTU >= 576);
      assert.equal(info.unsentBytes, 0);
      assert.ok(b.info().bytesReceived >= sent.length);
      await a.closeWrite();
      await until(() => b.info().state === 'close-wait', 'the end to arrive');
      await a.close();
      assert.throws(() => a.info(), ClosedError);
    });
  });
});

describe('multipath', () => {
  const asked = { multipath: true };

  test(
    'both ends ask: agreed, where the kernel has it; bytes flow either way',
    needs('multipath'),
    async () => {
      const available = setting('mptcp/enabled') === 1;
      for (const [theirs, ours] of [
        [true, true],
        [true, false],
        [false, true],
      ]) {
        await using listener = await listen('tcp', '127.0.0.1:0', theirs ? asked : {});
        const [a, b] = await Promise.all([
          dial('tcp', String(listener.addr), ours ? asked : {}),
          listener.accept(),
        ]);
        assert.equal(a.isMultipath, available && theirs && ours);
        assert.equal(b.isMultipath, available && theirs && ours);
        assert.equal(String(a.remoteAddr), String(listener.addr));
        await a.write(new Uint8Array(200_000));
        await a.closeWrite();
        let received = 0;
        const p = new Uint8Array(65_536);
        for (let n = await b.read(p); n !== null; n = await b.read(p)) received += n;
        assert.equal(received, 200_000);
        a.setNoDelay(false);
        await a.close();
        await b.close();
        assert.throws(() => a.isMultipath, ClosedError);
      }
    },
  );

  test('a driver without it: refused when it is asked for, false when it is not', async () => {
    await withPair(tcpPair, async ({ a }) => assert.equal(a.isMultipath, false));
    if (needs('multipath').skip === false) return;
    await assert.rejects(dial('tcp', '127.0.0.1:1', asked), UnsupportedError);
  });
});

describe('fast open', () => {
  test('the listener has a queue for it, and serves others as ever', needs('fastOpen'), async () => {
    for (const fastOpen of [true, 16]) {
      await using listener = await listen('tcp', '127.0.0.1:0', { fastOpen });
      const inside = listener as unknown as TCPConn;
      assert.equal(option(inside, 'fastOpen'), fastOpen === true ? 256 : 16);
      const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
      await a.write(new Uint8Array(3));
      assert.equal(await b.read(new Uint8Array(10)), 3);
      await a.close();
      await b.close();
    }
    for (const bad of [0, -1, 1.5]) {
      if (bad === 0) continue;
      await assert.rejects(listen('tcp', '127.0.0.1:0', { fastOpen: bad }), RangeError);
    }
  });
});

describe('zones', () => {
  const loopback = { skip: hasIPv6 && setting('ipv6/conf/lo/forwarding') >= 0 ? false : 'no IPv6 here' };

  test('an address that is not link-local may have one', loopback, async () => {
    const [name] = Object.entries(networkInterfaces()).find(([, list]) =>
      list?.some(({ address }) => address === '::1'),
    )!;
    await using listener = await listen('tcp', '[::1]:0');
    for (const zone of [name, '1', 'no-such-if']) {
      const [a, b] = await Promise.all([
        dial('tcp', `[::1%${zone}]:${listener.addr.port}`, { timeout: 10_000 }),
        listener.accept(),
      ]);
      assert.equal(a.remoteAddr.host, '::1');
      await a.close();
      await b.close();
    }
    const { port } = listener.addr;
    for (const host of ['fe80::1%no-such-if', 'fe80::1', 'febf::1']) {
      const error = await rejection(dial('tcp', `[${host}]:${port}`));
      assert.ok(error instanceof OpError && error.code === 'EINVAL', `${host}: ${error}`);
      const bound = await rejection(listen('tcp', `[${host}]:0`));
      assert.ok(bound instanceof OpError && bound.code === 'EINVAL', `${host}: ${bound}`);
      const localAddress = `[${host}]:0`;
      const from = await rejection(dial('tcp', `[::1]:${port}`, { localAddress }));
      assert.ok(from instanceof OpError && from.code === 'EINVAL', `${host}: ${from}`);
    }
  });
});
