import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import { AddrError, listenPacket, OpError, UDPAddr, type UDPConn, UnsupportedError } from 'gopark/net';
import { text } from '../../lib/bytes.ts';
import { rejection } from '../../lib/waiting.ts';
import { ipv6 } from './lib.ts';

const GROUP = '239.255.77.88';
const GROUP6 = 'ff02::7788';

/** An interface of this machine other than loopback. */
function outside(family: 'IPv4' | 'IPv6'): string | undefined {
  const all = Object.entries(networkInterfaces());
  return all.find(([, some]) => some?.some((one) => !one.internal && one.family === family))?.[0];
}

/** A member's socket, and one that sends by `name`; what it sends never leaves this machine. */
async function member(
  network: 'udp4' | 'udp6',
  name: string,
): Promise<{ conn: UDPConn; sender: UDPConn } & AsyncDisposable> {
  const conn = await listenPacket(network, ':0', { reuseAddress: true });
  const sender = await listenPacket(network, name === 'lo' ? '127.0.0.1:0' : ':0');
  sender.setMulticastInterface(name);
  sender.setMulticastHops(0);
  return {
    conn,
    sender,
    async [Symbol.asyncDispose]() {
      await conn[Symbol.asyncDispose]();
      await sender[Symbol.asyncDispose]();
    },
  };
}

/** Runs `body`, or skips the test where this machine has no multicast on its loopback interface. */
async function multicast(context: TestContext, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    const here =
      error instanceof OpError && /^(ENODEV|ENETUNREACH|EADDRNOTAVAIL|ENOPROTOOPT|EPERM)$/.test(error.code);
    if (here || error instanceof UnsupportedError)
      context.skip(here ? 'this machine lacks multicast' : 'portable lacks groups of another family');
    else throw error;
  }
}

/** Whether a datagram comes; one that must not is not waited for as long as one that must. */
async function arrives(conn: UDPConn, expected = true): Promise<boolean> {
  conn.setReadTimeout(expected ? 5000 : 150);
  return conn.read(new Uint8Array(10)).then(
    () => true,
    (error) => {
      assert.equal(error.code, 'ERR_DEADLINE_EXCEEDED');
      return false;
    },
  );
}

describe('UDP: groups', () => {
  for (const [network, group, name] of [
    ['udp4', GROUP, 'lo'],
    ['udp6', GROUP6, outside('IPv6')],
  ] as const) {
    const skip = name === undefined ? 'this machine lacks an interface for multicast' : false;
    test(`${network}: a member receives, from joining to leaving`, { skip }, async (context) => {
      await multicast(context, async () => {
        await using both = await member(network, name!);
        const { conn, sender } = both;
        const zone = network === 'udp6' ? `%${name}` : '';
        const to = new UDPAddr(`${group}${zone}`, conn.localAddr.port);
        await sender.send(text('early'), to);
        conn.joinGroup(group, { interface: name! });
        assert.equal(await sender.send(text('hello'), to), 5);
        const p = new Uint8Array(10);
        const [n, from] = await conn.receive(p);
        assert.equal(n, 5);
        assert.equal(from!.port, sender.localAddr.port);
        if (network === 'udp6') assert.equal(from!.zone, from!.host.startsWith('fe80') ? name : '');
        assert.throws(() => conn.joinGroup(group, { interface: name! }), { code: 'EADDRINUSE' });
        conn.leaveGroup(group, { interface: name! });
        await sender.send(text('late'), to);
        assert.equal(await arrives(conn, false), false);
        assert.throws(() => conn.leaveGroup(group, { interface: name! }), { code: 'EADDRNOTAVAIL' });
      });
    });
  }

  test('by the index of the interface; two members of one port', async (context) => {
    await multicast(context, async () => {
      await using both = await member('udp4', 'lo');
      const { conn, sender } = both;
      await using other = await listenPacket('udp4', `:${conn.localAddr.port}`, { reuseAddress: true });
      const to = new UDPAddr(GROUP, conn.localAddr.port);
      // The first interface of every Linux is lo.
      conn.joinGroup(GROUP, { interface: 1 });
      other.joinGroup(GROUP, { interface: 1 });
      sender.setMulticastInterface(1);
      await sender.send(text('x'), to);
      assert.deepEqual([await arrives(conn), await arrives(other)], [true, true]);
    });
  });

  const name = outside('IPv4');
  const skip = name === undefined ? 'this machine lacks an interface for multicast' : false;
  test('without a loop members of this machine receive nothing', { skip }, async (context) => {
    await multicast(context, async () => {
      await using both = await member('udp4', name!);
      const { conn, sender } = both;
      const to = new UDPAddr(GROUP, conn.localAddr.port);
      conn.joinGroup(GROUP, { interface: name! });
      await sender.send(text('x'), to);
      assert.equal(await arrives(conn), true);
      sender.setMulticastLoop(false);
      await sender.send(text('x'), to);
      assert.equal(await arrives(conn, false), false);
      sender.setMulticastLoop();
      await sender.send(text('x'), to);
      assert.equal(await arrives(conn), true);
    });
  });

  test('of one source only', async (context) => {
    await multicast(context, async () => {
      await using both = await member('udp4', 'lo');
      const { conn, sender } = both;
      await using other = await listenPacket('udp4', '127.0.0.2:0');
      other.setMulticastInterface('lo');
      const to = new UDPAddr(GROUP, conn.localAddr.port);
      conn.joinGroup(GROUP, { interface: 'lo', source: '127.0.0.1' });
      await other.send(text('other'), to);
      await sender.send(text('x'), to);
      assert.equal((await conn.receive(new Uint8Array(10)))[0], 1);
      conn.leaveGroup(GROUP, { interface: 'lo', source: '127.0.0.1' });
      await sender.send(text('x'), to);
      assert.equal(await arrives(conn, false), false);
    });
  });

  test('a dual-stack socket joins groups of both families', ipv6, async (context) => {
    await multicast(context, async () => {
      await using conn = await listenPacket('udp', ':0');
      await using sender = await listenPacket('udp4', '127.0.0.1:0');
      sender.setMulticastInterface('lo');
      conn.joinGroup(GROUP6, { interface: 'lo' });
      conn.joinGroup(GROUP, { interface: 'lo' });
      await sender.send(text('x'), new UDPAddr(GROUP, conn.localAddr.port));
      const [, from] = await conn.receive(new Uint8Array(10));
      assert.equal(from!.host, '127.0.0.1');
    });
  });

  test('what is no group, no interface and no address', async () => {
    await using conn = await listenPacket('udp4', '127.0.0.1:0');
    for (const group of ['127.0.0.1', 'localhost', '', '239.1.1.1:5']) {
      assert.throws(() => conn.joinGroup(group), AddrError, group);
    }
    assert.throws(() => conn.joinGroup(5 as never), AddrError);
    assert.throws(() => conn.joinGroup(GROUP, { interface: 'no-such-interface' }), { code: 'ENODEV' });
    assert.throws(() => conn.joinGroup(GROUP, { interface: '../lo' }), { code: 'ENODEV' });
    assert.throws(() => conn.joinGroup(GROUP, { interface: -1 }), RangeError);
    assert.throws(() => conn.joinGroup(GROUP, { source: 'localhost' }), AddrError);
    const error = await rejection((async () => conn.joinGroup(GROUP6, { interface: 'lo' }))());
    assert.ok(error.code === 'EAFNOSUPPORT' || error.code === 'ERR_UNSUPPORTED');
  });
});
