import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AddrError, ClosedError, DNSError, dial, listenPacket, OpError, UDPAddr } from 'gopark/net';
import { sameBytes, text, untext } from '../../lib/bytes.ts';
import { openSockets, socketsBackAt } from '../../lib/descriptors.ts';
import { needs } from '../../lib/needs.ts';
import { rejection, stillPending, turns } from '../../lib/waiting.ts';
import { ipv6, udpPair } from './lib.ts';

describe('UDP: there and back', () => {
  test('a datagram there and one back, by receive and send', async () => {
    await using a = await listenPacket('udp', '127.0.0.1:0');
    await using b = await listenPacket('udp4', '127.0.0.1:0');
    const p = new Uint8Array(100);
    const waiting = a.receive(p);
    assert.equal(await b.send(text('ping'), a.localAddr), 4);
    const [n, from] = await waiting;
    assert.equal(untext(p.subarray(0, n)), 'ping');
    assert.equal(String(from), String(b.localAddr));
    assert.equal(await a.send(text('pong'), String(from)), 4);
    assert.equal(untext(p.subarray(0, (await b.receive(p))[0])), 'pong');
  });

  test('connected: read and write, and only the peer is heard', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    assert.equal(String(client.remoteAddr), String(server.localAddr));
    await using stranger = await listenPacket('udp4', '127.0.0.1:0');
    await stranger.send(text('stranger'), client.localAddr);
    assert.equal(await client.write(text('hello')), 5);
    const p = new Uint8Array(100);
    const [n, from] = await server.receive(p);
    assert.equal(untext(p.subarray(0, n)), 'hello');
    assert.ok(from!.equals(client.localAddr));
    await server.send(text('back'), from!);
    assert.equal(untext(p.subarray(0, await client.read(p))), 'back');
    await stillPending(
      client.read(p).catch(() => 0),
      'a read past the stranger',
    );
  });

  test('receive on a connected socket names the peer', async () => {
    await using pair = await udpPair();
    await pair.client.write(text('x'));
    const p = new Uint8Array(10);
    const [, from] = await pair.server.receive(p);
    await pair.server.send(text('y'), from!);
    assert.equal(String((await pair.client.receive(p))[1]), String(pair.server.localAddr));
  });

  test('UDP-3 empty datagrams: sent, received as 0 and never as an end', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const p = new Uint8Array(10);
    assert.equal(await client.write(new Uint8Array(0)), 0);
    assert.equal(await client.write(text('x')), 1);
    const [n, from] = await server.receive(p);
    assert.equal(n, 0);
    assert.ok(from !== null);
    assert.equal(await server.read(p), 1);
    assert.equal(await server.send(new Uint8Array(0), from), 0);
    assert.equal(await client.read(p), 0);
    const waiting = client.read(p);
    await server.send(new Uint8Array(0), from);
    assert.equal(await waiting, 0, 'also for who waits');
  });

  test('UDP-4 an empty buffer: receive takes a datagram, read takes none and does not wait', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const none = new Uint8Array(0);
    assert.equal(await server.read(none), 0, 'nothing has come');
    const waiting = server.receive(none);
    await stillPending(
      waiting.then(() => {}),
      'receive',
    );
    await client.write(text('first'));
    await client.write(text('second'));
    assert.equal((await waiting)[0], 0);
    assert.equal(await server.read(none), 0);
    const p = new Uint8Array(10);
    assert.equal(untext(p.subarray(0, await server.read(p))), 'second');
  });

  test('UDP-5 a short buffer: the rest is lost, the next datagram is whole', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const p = new Uint8Array(4);
    await client.write(text('truncated'));
    await client.write(text('next'));
    assert.equal((await server.receive(p))[0], 4);
    assert.equal(untext(p), 'trun');
    assert.equal(await server.read(p), 4);
    assert.equal(untext(p), 'next');
  });

  test('the largest datagram goes whole; one more byte is EMSGSIZE, and nothing was sent', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const most = new Uint8Array(65_507).map((_, i) => i);
    const p = new Uint8Array(65_535);
    assert.equal(await client.write(most), most.length);
    const [n] = await server.receive(p);
    sameBytes(p.subarray(0, n), most);
    const error = await rejection(client.write(new Uint8Array(65_508)));
    assert.ok(error instanceof OpError);
    assert.equal(error.code, 'EMSGSIZE');
    assert.equal(error.op, 'write');
    // Without a peer of its own the socket names the one whom it was for. Go: OpError.Addr.
    const unnamed = await rejection(server.send(new Uint8Array(65_508), client.localAddr));
    assert.deepEqual([unnamed.code, String(unnamed.addr)], ['EMSGSIZE', String(client.localAddr)]);
    await client.write(text('after'));
    assert.equal((await server.receive(p))[0], 5);
  });

  test('the buffer is only written where the datagram is', async () => {
    await using pair = await udpPair();
    const p = new Uint8Array(100).fill(7);
    await pair.client.write(text('abc'));
    const n = await pair.server.read(p.subarray(10, 90));
    assert.equal(n, 3);
    assert.equal(untext(p.subarray(10, 13)), 'abc');
    assert.ok(p.every((byte, i) => byte === 7 || (i >= 10 && i < 13)));
  });

  test('a buffer that was transferred while receive waited: an error, and no datagram is lost', async () => {
    await using pair = await udpPair();
    const p = new Uint8Array(100);
    const waiting = rejection(pair.server.receive(p));
    await turns(2);
    structuredClone(p, { transfer: [p.buffer] });
    await pair.client.write(text('kept'));
    assert.equal((await waiting).code, 'ERR_BUFFER_DETACHED');
    assert.equal(await pair.server.read(new Uint8Array(10)), 4);
  });
});

describe('UDP: the write matrix', () => {
  test('P-10 connected: write goes, send to an address is refused', async () => {
    await using pair = await udpPair();
    const { client, server } = pair;
    assert.equal(await client.write(text('x')), 1);
    for (const to of [server.localAddr, String(server.localAddr)]) {
      const error = await rejection(client.send(text('x'), to));
      assert.ok(error instanceof OpError);
      assert.equal(error.code, 'ERR_WRITE_TO_CONNECTED');
    }
  });

  test('P-10 unconnected: send goes, write has no destination', async () => {
    await using pair = await udpPair();
    const error = await rejection(pair.server.write(text('x')));
    assert.equal(error.code, 'EDESTADDRREQ');
    assert.equal((await rejection(pair.server.send(text('x'), null as never))).code, 'ERR_MISSING_ADDRESS');
    assert.equal((await rejection(pair.server.send(text('x'), ''))).code, 'ERR_MISSING_ADDRESS');
    assert.equal(await pair.server.send(text('x'), pair.client.localAddr), 1);
  });

  test('P-12 udp4: an IPv4-mapped target is IPv4, IPv6 is refused', async () => {
    await using pair = await udpPair();
    const { port } = pair.client.localAddr;
    assert.equal(await pair.server.send(text('x'), `[::ffff:127.0.0.1]:${port}`), 1);
    assert.equal(await pair.client.read(new Uint8Array(4)), 1);
    assert.equal((await rejection(pair.server.send(text('x'), `[::1]:${port}`))).code, 'EAFNOSUPPORT');
  });

  test('a destination is numeric: names, bad ports and other things are refused', async () => {
    await using conn = await listenPacket('udp4', '127.0.0.1:0');
    for (const to of ['localhost:53', '127.0.0.1', '127.0.0.1:99999', '127.0.0.1:-1', '1.2.3:4', ':5']) {
      assert.ok((await rejection(conn.send(text('x'), to))) instanceof AddrError, to);
    }
    await assert.rejects(conn.send(text('x'), { host: '127.0.0.1', port: 5 } as never), TypeError);
    await assert.rejects(conn.send('text' as never, conn.localAddr), TypeError);
    await assert.rejects(conn.receive('text' as never), TypeError);
    await assert.rejects(conn.read(undefined as never), TypeError);
  });

  test('UDP-7 broadcasts go, until that is switched off', async () => {
    await using conn = await listenPacket('udp4', '0.0.0.0:0');
    const { port } = conn.localAddr;
    assert.equal(await conn.send(text('all'), `127.255.255.255:${port}`), 3);
    assert.equal((await conn.receive(new Uint8Array(10)))[0], 3);
    conn.setBroadcast(false);
    assert.equal((await rejection(conn.send(text('all'), `127.255.255.255:${port}`))).code, 'EACCES');
    conn.setBroadcast();
    assert.equal(await conn.send(text('all'), `127.255.255.255:${port}`), 3);
  });
});

describe('UDP: addresses', () => {
  test('an address in use is EADDRINUSE, and free again right after close (C-6)', async () => {
    const first = await listenPacket('udp4', '127.0.0.1:0');
    const address = String(first.localAddr);
    const error = await rejection(listenPacket('udp4', address));
    assert.ok(error instanceof OpError);
    assert.equal(error.code, 'EADDRINUSE');
    assert.equal(error.op, 'listen');
    assert.equal(error.net, 'udp4');
    assert.equal(String(error.addr), address);
    await first.close();
    for (let i = 0; i < 10; i++) await (await listenPacket('udp4', address)).close();
  });

  test('reuseAddress: two sockets have one address', async () => {
    await using first = await listenPacket('udp4', '127.0.0.1:0', { reuseAddress: true });
    await using second = await listenPacket('udp4', String(first.localAddr), { reuseAddress: true });
    assert.equal(String(second.localAddr), String(first.localAddr));
  });

  test('reusePort: the kernel spreads senders over the sockets', needs('reusePort'), async () => {
    await using first = await listenPacket('udp4', '127.0.0.1:0', { reusePort: true });
    await using second = await listenPacket('udp4', String(first.localAddr), { reusePort: true });
    const clients = await Promise.all(
      Array.from({ length: 40 }, () => dial('udp4', String(first.localAddr))),
    );
    for (const client of clients) await client.write(text('x'));
    let received = 0;
    for (const conn of [first, second]) {
      conn.setReadTimeout(100);
      let own = 0;
      while (await conn.read(new Uint8Array(4)).catch(() => 0)) own++;
      assert.ok(own > 0, 'nobody was left out');
      received += own;
    }
    assert.equal(received, 40);
    for (const client of clients) await client.close();
  });

  test('UDP-6 dual stack: IPv4 peers show as IPv4, and are answered', ipv6, async () => {
    await using server = await listenPacket('udp', ':0');
    assert.equal(server.localAddr.host, '::');
    assert.ok(server.localAddr.isWildcard);
    const { port } = server.localAddr;
    await using four = await dial('udp', `127.0.0.1:${port}`);
    await using six = await dial('udp', `[::1]:${port}`);
    const p = new Uint8Array(10);
    for (const [client, host] of [
      [four, '127.0.0.1'],
      [six, '::1'],
    ] as const) {
      await client.write(text('x'));
      const [, from] = await server.receive(p);
      assert.equal(from!.host, host);
      assert.equal(String(from), String(client.localAddr));
      await server.send(text('yz'), from!);
      assert.equal(await client.read(p), 2);
    }
  });

  test(
    'P-7 wildcards: one of both families takes the port from both; one of each lives beside the other',
    ipv6,
    async () => {
      const both = await listenPacket('udp', ':0');
      const { port } = both.localAddr;
      for (const [network, host] of [
        ['udp', ''],
        ['udp4', ''],
        ['udp6', ''],
        ['udp', '0.0.0.0'],
        ['udp', '[::]'],
      ] as const) {
        assert.equal(
          (await rejection(listenPacket(network, `${host}:${port}`))).code,
          'EADDRINUSE',
          network + host,
        );
      }
      await both.close();
      await using four = await listenPacket('udp4', `:${port}`);
      await using six = await listenPacket('udp6', `:${port}`);
      assert.equal(four.localAddr.host, '0.0.0.0');
      assert.equal(six.localAddr.host, '::');
    },
  );

  test('the same peer is the same object; another peer is another one', async () => {
    await using server = await listenPacket('udp4', '127.0.0.1:0');
    await using a = await dial('udp4', String(server.localAddr));
    await using b = await dial('udp4', String(server.localAddr));
    const p = new Uint8Array(10);
    const from = async (client: typeof a) => {
      await client.write(text('x'));
      return (await server.receive(p))[1]!;
    };
    const [first, other, again] = [await from(a), await from(b), await from(a)];
    assert.equal(first, again);
    assert.notEqual(first, other);
    assert.equal(first.port, a.localAddr.port);
    assert.ok(!first.equals(other));
  });

  test('addresses stay after close; a socket without a peer has none', async () => {
    const pair = await udpPair();
    const { localAddr } = pair.server;
    assert.equal(pair.server.remoteAddr.port, 0);
    const remote = String(pair.client.remoteAddr);
    await pair[Symbol.asyncDispose]();
    assert.equal(pair.server.localAddr, localAddr);
    assert.equal(String(pair.client.remoteAddr), remote);
  });

  test('UDPAddr: numeric hosts only, IPv4-mapped is IPv4', () => {
    assert.equal(String(new UDPAddr('::ffff:10.0.0.1', 7)), '10.0.0.1:7');
    assert.equal(String(new UDPAddr('FE80:0:0::0001', 7)), '[fe80::1]:7');
    assert.ok(new UDPAddr('0:0::0', 7).isWildcard);
    assert.ok(new UDPAddr('239.1.2.3', 7).isMulticast);
    assert.ok(new UDPAddr('ff02::1', 7).isMulticast);
    assert.ok(!new UDPAddr('10.0.0.1', 7).isMulticast);
    assert.ok(new UDPAddr('::1', 7).equals(new UDPAddr('0:0:0:0:0:0:0:1', 7)));
    assert.ok(!new UDPAddr('::1', 7).equals(new UDPAddr('::1', 8)));
    for (const [host, port] of [
      ['localhost', 1],
      ['', 1],
      ['1.2.3.4', -1],
      ['1.2.3.4', 65_536],
      ['1.2.3.4', 1.5],
      ['fe80::1%no-such-interface', 1],
    ] as const) {
      assert.throws(() => new UDPAddr(host, port), AddrError, `${host} ${port}`);
    }
  });
});

describe('UDP: opening', () => {
  test('C-15 what is no address, no network or no port', async () => {
    const before = openSockets();
    for (const network of ['', 'ip', 'udp5', 'UDP', 'tcp']) {
      const error = await rejection(listenPacket(network as 'udp', '127.0.0.1:0'));
      assert.equal(error.code, 'ERR_UNKNOWN_NETWORK', network);
    }
    for (const port of ['-1', '123456789', 'ünï', '1 2']) {
      assert.ok((await rejection(listenPacket('udp', `127.0.0.1:${port}`))) instanceof AddrError, port);
      assert.ok((await rejection(dial('udp', `127.0.0.1:${port}`))) instanceof AddrError, port);
    }
    assert.ok((await rejection(listenPacket('udp', '127.0.0.1'))) instanceof AddrError);
    assert.ok((await rejection(listenPacket('udp4', '[::1]:0'))) instanceof AddrError);
    assert.ok((await rejection(listenPacket('udp6', '127.0.0.1:0'))) instanceof AddrError);
    assert.ok((await rejection(dial('udp4', '[::1]:9'))) instanceof AddrError);
    assert.ok((await rejection(listenPacket('udp', 'no-such-host.invalid:0'))) instanceof DNSError);
    assert.ok((await rejection(dial('udp', 'no-such-host.invalid:1'))) instanceof DNSError);
    await assert.rejects(listenPacket('udp', ':0', { readBuffer: -1 }), RangeError);
    // A documentation address: nobody has it.
    const error = await rejection(listenPacket('udp', '192.0.2.1:0'));
    assert.equal(error.code, 'EADDRNOTAVAIL');
    await socketsBackAt(before);
  });

  test('names of hosts and services; an empty host is this machine', async () => {
    await using byName = await dial('udp', 'localhost:domain');
    assert.equal(byName.remoteAddr.port, 53);
    await using here = await dial('udp', ':9');
    assert.equal(String(here.remoteAddr), '127.0.0.1:9');
    await using bound = await listenPacket('udp', 'localhost:0');
    assert.equal(bound.localAddr.host, '127.0.0.1');
  });

  test('localAddress: where a connected socket sends from', async () => {
    await using server = await listenPacket('udp4', '127.0.0.1:0');
    await using client = await dial('udp', String(server.localAddr), { localAddress: '127.0.0.2:0' });
    assert.equal(client.localAddr.host, '127.0.0.2');
    await client.write(text('x'));
    assert.equal((await server.receive(new Uint8Array(4)))[1]!.host, '127.0.0.2');
    const error = await rejection(dial('udp', '127.0.0.1:9', { localAddress: '[::1]:0' }));
    assert.equal(error.code, 'ERR_ADDRESS');
  });

  test('a signal that has fired, and a timeout of 0 for a name', async () => {
    const reason = new Error('enough');
    assert.equal(await rejection(dial('udp', '127.0.0.1:9', { signal: AbortSignal.abort(reason) })), reason);
    const late = await rejection(dial('udp', 'localhost:9', { timeout: 0 }));
    assert.equal(late.code, 'ERR_DEADLINE_EXCEEDED');
  });

  test('options: buffers and hops, and their ranges', async () => {
    await using conn = await listenPacket('udp', '127.0.0.1:0', { readBuffer: 100_000, writeBuffer: 50_000 });
    conn.setReadBuffer(200_000);
    conn.setWriteBuffer(200_000);
    conn.setHops(5);
    conn.setMulticastHops(0);
    conn.setMulticastLoop(false);
    for (const hops of [0, 256, 1.5, Number.NaN]) assert.throws(() => conn.setHops(hops), RangeError);
    for (const hops of [-1, 256]) assert.throws(() => conn.setMulticastHops(hops), RangeError);
    assert.throws(() => conn.setReadBuffer(0), RangeError);
    assert.throws(() => conn.setMulticastInterface('no-such-interface'), { code: 'ENODEV' });
    assert.throws(() => conn.setMulticastInterface(-1), RangeError);
    await conn.close();
    assert.throws(() => conn.setHops(5), ClosedError);
    assert.throws(() => conn.joinGroup('239.1.1.1'), ClosedError);
  });

  test('nothing leaks: a hundred sockets opened and closed', async () => {
    const before = openSockets();
    for (let i = 0; i < 10; i++) {
      const pairs = await Promise.all(Array.from({ length: 5 }, () => udpPair()));
      await Promise.all(pairs.map(({ client }) => client.write(text('x'))));
      await Promise.all(pairs.map((pair) => pair[Symbol.asyncDispose]()));
    }
    await socketsBackAt(before);
  });
});
