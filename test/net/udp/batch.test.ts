import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Datagram, dial, listenPacket, type UDPAddr, type UDPConn } from 'gopark/net';
import { pattern, sameBytes, text, untext } from '../../lib/bytes.ts';
import { needs } from '../../lib/needs.ts';
import { rejection, stillPending, turns } from '../../lib/waiting.ts';
import { datagram, room, udpPair } from './lib.ts';

const words = (messages: readonly Datagram[]) =>
  messages.map(({ data, length }) => untext(data.subarray(0, length)));

/** Receives until `count` datagrams came. */
async function take(conn: UDPConn, count: number): Promise<string[]> {
  const all: string[] = [];
  const messages = room(16);
  while (all.length < count) {
    const n = await conn.receiveBatch(messages);
    assert.ok(n >= 1 && n <= messages.length);
    all.push(...words(messages.slice(0, n)));
  }
  return all;
}

describe('UDP: batches', () => {
  test('a hundred sent in one call come whole, in their order', async () => {
    await using pair = await udpPair();
    const all = Array.from({ length: 100 }, (_, i) => `datagram ${i}`);
    assert.equal(await pair.client.sendBatch(all.map((word) => datagram(text(word)))), 100);
    assert.deepEqual(await take(pair.server, 100), all);
  });

  test('a batch that waits resolves with what has come, not with all it has room for', async () => {
    await using pair = await udpPair();
    const messages = room(10);
    const waiting = pair.server.receiveBatch(messages);
    await stillPending(
      waiting.then(() => {}),
      'receiveBatch',
    );
    await pair.client.write(text('one'));
    assert.equal(await waiting, 1);
    assert.deepEqual(words(messages.slice(0, 1)), ['one']);
    assert.ok(messages[0]!.addr!.equals(pair.client.localAddr));
    assert.deepEqual([messages[1]!.length, messages[1]!.addr], [0, null], 'the others are as they were');
  });

  test('to several peers in one call, and with its own sizes each', async () => {
    await using server = await listenPacket('udp4', '127.0.0.1:0');
    const peers = await Promise.all([0, 1, 2].map(() => dial('udp4', String(server.localAddr))));
    const data = pattern(1000);
    const batch = peers.map(({ localAddr }, i) => ({ data, length: 10 * i, addr: localAddr }));
    assert.equal(await server.sendBatch(batch), 3);
    const p = new Uint8Array(100);
    for (const [i, peer] of peers.entries()) {
      const n = await peer.read(p);
      sameBytes(p.subarray(0, n), data.subarray(0, 10 * i));
      await peer.close();
    }
  });

  test('truncated says what silently happens otherwise; length is what is in data', async () => {
    await using pair = await udpPair();
    await pair.client.sendBatch([
      datagram(text('0123456789')),
      datagram(text('abc')),
      datagram(text('abcd')),
    ]);
    const messages = room(3, 4);
    let n = 0;
    while (n < 3) n += await pair.server.receiveBatch(messages.slice(n));
    assert.deepEqual(words(messages), ['0123', 'abc', 'abcd']);
    assert.deepEqual(
      messages.map(({ truncated }) => truncated),
      [true, false, false],
    );
  });

  test('empty ones, and empty batches', async () => {
    await using pair = await udpPair();
    assert.equal(await pair.client.sendBatch([]), 0);
    assert.equal(await pair.server.receiveBatch([]), 0);
    await pair.client.sendBatch([datagram(text('')), datagram(text('x')), datagram(text(''))]);
    assert.deepEqual(await take(pair.server, 3), ['', 'x', '']);
  });

  test('runs of one size, which may travel as one piece, come apart as they were', async () => {
    await using pair = await udpPair();
    const sizes = [
      10, 10, 10, 4, 10, 10, 0, 0, 5, 5, 5, 5, 7, 7, 1400, 1400, 1400, 100, 2000, 2000, 9000, 9000, 3,
    ];
    const batch = sizes.map((size, i) => datagram(pattern(size, i + 1)));
    for (const by of ['read', 'receive', 'batch', 'short'] as const) {
      assert.equal(await pair.client.sendBatch(batch), batch.length);
      const p = new Uint8Array(10_000);
      const short = room(batch.length, 8);
      for (let i = 0; i < batch.length; ) {
        const sent = batch[i]!.data;
        if (by === 'read') {
          sameBytes(p.subarray(0, await pair.server.read(p)), sent);
        } else if (by === 'receive') {
          const [n, from] = await pair.server.receive(p);
          sameBytes(p.subarray(0, n), sent);
          assert.ok(from!.equals(pair.client.localAddr));
        } else {
          const messages = by === 'batch' ? room(3, 10_000) : short.slice(i);
          const n = await pair.server.receiveBatch(messages);
          for (const { data, length, truncated } of messages.slice(0, n)) {
            const expected = batch[i++]!.data;
            sameBytes(data.subarray(0, length), expected.subarray(0, data.length));
            assert.equal(truncated, expected.length > data.length);
          }
          continue;
        }
        i++;
      }
    }
  });

  test('to peers that take turns, and runs of them', async () => {
    await using server = await listenPacket('udp4', '127.0.0.1:0');
    const peers = await Promise.all([0, 1, 2].map(() => dial('udp4', String(server.localAddr))));
    const order = [0, 0, 0, 1, 2, 1, 1, 2, 2, 2, 2, 0];
    const batch = order.map((peer, i) => datagram(text(`number ${10 + i}`), peers[peer]!.localAddr));
    assert.equal(await server.sendBatch(batch), order.length);
    const p = new Uint8Array(20);
    for (const [peer, conn] of peers.entries()) {
      for (const [i, to] of order.entries()) {
        if (to === peer) assert.equal(untext(p.subarray(0, await conn.read(p))), `number ${10 + i}`);
      }
      await conn.close();
    }
  });

  test('an error in the middle: those before it went, and the error says how many', async () => {
    await using pair = await udpPair();
    const batch = Array.from({ length: 40 }, (_, i) => datagram(text(String(i))));
    batch[35] = datagram(new Uint8Array(65_508));
    const error = await rejection(pair.client.sendBatch(batch));
    assert.equal(error.code, 'EMSGSIZE');
    assert.equal(error.datagramsSent, 35);
    assert.equal((await take(pair.server, 35)).length, 35);
    await stillPending(
      pair.server.read(new Uint8Array(9)).catch(() => 0),
      'nothing behind it was sent',
    );
  });

  test('what is wrong with a message is told before anything goes', async () => {
    await using pair = await udpPair();
    const good = datagram(text('x'));
    for (const bad of [
      { ...good, length: 2 },
      { ...good, length: -1 },
      { ...good, length: 0.5 },
      { ...good, data: 'text' as never },
      { ...good, addr: pair.server.localAddr },
    ]) {
      await rejection(pair.client.sendBatch([good, bad]));
    }
    await assert.rejects(pair.client.sendBatch('x' as never), TypeError);
    await assert.rejects(pair.server.receiveBatch({} as never), TypeError);
    await assert.rejects(pair.server.receiveBatch([{ ...good, data: null as never }]), TypeError);
    await stillPending(
      pair.server.read(new Uint8Array(9)).catch(() => 0),
      'nothing was sent',
    );
  });

  test('an address of null on an unconnected socket has no destination', async () => {
    await using conn = await listenPacket('udp4', '127.0.0.1:0');
    const error = await rejection(
      conn.sendBatch([datagram(text('a'), conn.localAddr), datagram(text('b')), datagram(text('c'))]),
    );
    assert.equal(error.code, 'EDESTADDRREQ');
    assert.equal(error.datagramsSent, 1);
  });

  test('large datagrams in batches', async () => {
    await using pair = await udpPair();
    pair.server.setReadBuffer(1 << 20);
    const sizes = [60_000, 65_507, 1, 65_507, 40_000];
    const batch = sizes.map((size, i) => datagram(pattern(size, i + 1)));
    const p = new Uint8Array(65_535);
    const received = (async () => {
      for (const { data } of batch) {
        const n = await pair.server.read(p);
        sameBytes(p.subarray(0, n), data);
      }
    })();
    for (const one of batch) {
      assert.equal(await pair.client.sendBatch([one]), 1);
      await turns(2);
    }
    await received;
  });

  test('the same messages again and again: buffers in, buffers out', async () => {
    await using pair = await udpPair();
    const messages = room(8, 1500);
    for (let i = 0; i < 50; i++) {
      await pair.client.write(text(`round ${i}`));
      const n = await pair.server.receiveBatch(messages);
      // As they came, back to whom they came from.
      assert.equal(await pair.server.sendBatch(messages.slice(0, n)), n);
      const p = new Uint8Array(100);
      assert.equal(untext(p.subarray(0, await pair.client.read(p))), `round ${i}`);
    }
  });
});

describe('UDP: datagrams received ahead', () => {
  test('receive, read and batches share them in order', async () => {
    await using pair = await udpPair();
    await pair.client.sendBatch(Array.from({ length: 60 }, (_, i) => datagram(text(String(i)))));
    const p = new Uint8Array(10);
    const got: string[] = [];
    while (got.length < 60) {
      const [n] = await pair.server.receive(p);
      got.push(untext(p.subarray(0, n)));
      if (got.length === 60) break;
      got.push(untext(p.subarray(0, await pair.server.read(p))));
      const messages = room(Math.min(5, Math.max(1, 60 - got.length)));
      if (got.length < 60) {
        const taken = await pair.server.receiveBatch(messages);
        got.push(...words(messages.slice(0, taken)));
      }
    }
    assert.deepEqual(
      got,
      Array.from({ length: 60 }, (_, i) => String(i)),
    );
  });

  test('of many sockets at once: each keeps its own', async () => {
    const pairs = await Promise.all(Array.from({ length: 12 }, () => udpPair()));
    try {
      for (let round = 0; round < 3; round++) {
        const waiting = pairs.map(({ server }) => server.receive(new Uint8Array(20)));
        await turns(2);
        for (const [i, { client }] of pairs.entries()) {
          await client.sendBatch(Array.from({ length: 10 }, (_, j) => datagram(text(`${i}.${j}`))));
        }
        await Promise.all(waiting);
        for (const [i, { server }] of pairs.entries()) {
          const rest = await take(server, 9);
          assert.deepEqual(
            rest,
            Array.from({ length: 9 }, (_, j) => `${i}.${j + 1}`),
          );
        }
      }
    } finally {
      for (const pair of pairs) await pair[Symbol.asyncDispose]();
    }
  });

  test('property: whatever is sent comes whole, in order, from whom it came, by whatever call', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('send' as const),
        socket: fc.nat(2),
        size: fc.nat(1500),
        count: fc.integer({ min: 1, max: 12 }),
      }),
      fc.record({
        kind: fc.constantFrom('receive' as const, 'read' as const),
        socket: fc.nat(2),
        size: fc.nat(1800),
      }),
      fc.record({
        kind: fc.constant('batch' as const),
        socket: fc.nat(2),
        size: fc.nat(1800),
        count: fc.integer({ min: 1, max: 40 }),
      }),
      fc.record({ kind: fc.constant('park' as const), socket: fc.nat(2) }),
    );
    let stamp = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const pairs = await Promise.all([0, 1, 2].map(() => udpPair()));
        for (const { server } of pairs) server.setReadBuffer(400_000);
        /** What is on its way to each server: the naive model. */
        const sent: Uint8Array[][] = [[], [], []];
        const check = (socket: number, got: Uint8Array, size: number, from: UDPAddr | null | undefined) => {
          const expected = sent[socket]!.shift()!;
          sameBytes(got, expected.subarray(0, size));
          if (from !== undefined) assert.ok(from!.equals(pairs[socket]!.client.localAddr));
        };
        try {
          for (const one of steps) {
            const { server, client } = pairs[one.socket]!;
            const queue = sent[one.socket]!;
            if (one.kind === 'send') {
              // Fewer than the kernel keeps for a socket that nobody reads.
              if (queue.length + one.count > 60) continue;
              const batch = Array.from({ length: one.count }, () => pattern(one.size, ++stamp));
              assert.equal(await client.sendBatch(batch.map((data) => datagram(data))), one.count);
              queue.push(...batch);
            } else if (one.kind === 'park') {
              if (queue.length > 0) continue;
              const p = new Uint8Array(10);
              const waiting = server.receive(p);
              await turns(1);
              await client.write(text('awaited'));
              assert.equal((await waiting)[0], 7);
            } else if (queue.length > 0 && one.kind === 'batch') {
              const messages = room(one.count, one.size);
              const n = await server.receiveBatch(messages);
              for (const { data, length, addr, truncated } of messages.slice(0, n)) {
                assert.equal(truncated, queue[0]!.length > one.size);
                check(one.socket, data.subarray(0, length), one.size, addr);
              }
            } else if (queue.length > 0 && one.kind === 'receive') {
              const p = new Uint8Array(one.size);
              const [n, from] = await server.receive(p);
              check(one.socket, p.subarray(0, n), one.size, from);
            } else if (queue.length > 0 && one.size > 0) {
              const p = new Uint8Array(one.size);
              check(one.socket, p.subarray(0, await server.read(p)), one.size, undefined);
            }
          }
        } finally {
          for (const pair of pairs) await pair[Symbol.asyncDispose]();
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('UDP: more than anybody receives', () => {
  test('a reader slower than the sender: datagrams are lost, memory and order are not', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const count = 20_000;
    const bytes = new Uint8Array(1000);
    const view = new DataView(bytes.buffer);
    const before = process.memoryUsage();
    let sending = true;
    const sender = (async () => {
      for (let i = 0; i < count; i++) {
        view.setUint32(0, i);
        await client.write(bytes);
        if (i % 100 === 0) await turns(1);
      }
      sending = false;
    })();
    const p = new Uint8Array(2000);
    let received = 0;
    let last = -1;
    let most = 0;
    while (sending) {
      server.setReadTimeout(1000);
      const n = await server.read(p).catch(() => 0);
      if (n === 0) continue;
      assert.equal(n, 1000);
      const stamp = new DataView(p.buffer).getUint32(0);
      assert.ok(stamp > last, `${stamp} behind ${last}`);
      last = stamp;
      received++;
      // Slower than the sender.
      await turns(1);
      if (received % 50 === 0)
        most = Math.max(most, process.memoryUsage().arrayBuffers - before.arrayBuffers);
    }
    await sender;
    assert.ok(received > 0 && received < count, `${received} of ${count}`);
    assert.ok(most < 32 << 20, `${most} bytes`);
  });

  test('fuzz of sizes: each comes as it went', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const p = new Uint8Array(65_535);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.nat(65_507), fc.nat(70), fc.constantFrom(0, 1, 47, 48, 49, 4095, 4096, 16_384, 65_507)),
        async (size) => {
          const sent = pattern(size, size + 1);
          assert.equal(await client.write(sent), size);
          const [n] = await server.receive(p);
          sameBytes(p.subarray(0, n), sent);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('many peers: every one has its own address, also when there are too many to remember', async () => {
    await using server = await listenPacket('udp4', '127.0.0.1:0', { readBuffer: 1 << 20 });
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => dial('udp4', String(server.localAddr))),
    );
    const byPort = new Map(clients.map(({ localAddr }) => [localAddr.port, localAddr]));
    for (let round = 0; round < 2; round++) {
      for (const client of clients) await client.write(text(String(client.localAddr.port)));
      const messages = room(7);
      for (let left = clients.length; left > 0; ) {
        const n = await server.receiveBatch(messages.slice(0, Math.min(7, left)));
        for (const { data, length, addr } of messages.slice(0, n)) {
          assert.equal(String(addr!.port), untext(data.subarray(0, length)));
          assert.ok(addr!.equals(byPort.get(addr!.port)!));
        }
        left -= n;
      }
    }
    for (const client of clients) await client.close();
  });

  test('one call of the kernel brings many: a burst is there at once', needs('datagramBatch'), async () => {
    await using pair = await udpPair();
    await pair.client.sendBatch(Array.from({ length: 64 }, () => datagram(text('x'))));
    const messages = room(64);
    assert.equal(await pair.server.receiveBatch(messages), 64);
  });
});
