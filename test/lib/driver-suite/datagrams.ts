import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { D_LENGTH, D_OFFSET, D_SIZE } from '#dist/poll/datagram-block.js';
import type { DatagramSocket } from '#dist/poll/datagram-driver.js';
import { OP_CLOSE, OP_DATAGRAMS, OP_LISTEN, OP_SEND } from '#dist/poll/driver.js';
import { pattern, sameBytes } from '../bytes.ts';
import { seeded } from '../random.ts';
import { turns, until } from '../waiting.ts';
import { type Datagram, datagramsIn, type Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { EAGAIN, ECANCELED, EADDRINUSE, ECONNREFUSED, EMSGSIZE, EDESTADDRREQ } = constants.errno;

const address = (port: number) => Int32Array.of(4, port, 0x7f000001, 0, 0, 0, 0);

async function open(rig: Rig, local = 0, remote: number | null = null): Promise<number> {
  const socket: DatagramSocket = {
    kind: 'udp4',
    ipv6Only: false,
    local: address(local),
    remote: remote === null ? null : address(remote),
    reuseAddress: false,
    reusePort: false,
    mode: -1,
    peerErrors: false,
  };
  const slot = rig.opened(rig.checked.datagrams.open(socket));
  if (slot < 0) return slot;
  const { result } = await rig.next(OP_LISTEN, slot);
  if (result === 0) return slot;
  await rig.close(slot);
  return result;
}

function portOf(rig: Rig, slot: number): number {
  return rig.checked.datagrams.addressOf(slot, 'local')![1]!;
}

async function send(rig: Rig, slot: number, p: Uint8Array, port: number | null = null): Promise<number> {
  rig.checked.datagrams.send(slot, p, port === null ? null : address(port));
  return (await rig.next(OP_SEND, slot)).result;
}

/** Receives until `count` datagrams came. */
async function receive(rig: Rig, slot: number, count: number): Promise<Datagram[]> {
  const all: Datagram[] = [];
  while (all.length < count) {
    rig.checked.datagrams.receive(slot);
    const { result, datagrams } = await rig.next(OP_DATAGRAMS, slot);
    assert.ok(result > 0, String(result));
    all.push(...datagrams);
  }
  assert.equal(all.length, count);
  return all;
}

/** A socket and another one whose peer it is. */
async function pair(rig: Rig): Promise<{ server: number; client: number; port: number }> {
  const server = await open(rig);
  const port = portOf(rig, server);
  return { server, port, client: await open(rig, 0, port) };
}

export const datagrams: Rows = (row) => {
  row('a datagram comes whole, with its sender, before and after the receive', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    for (const early of [true, false]) {
      const p = pattern(500, early ? 1 : 2);
      const waiting = early ? receive(rig, server, 1) : null;
      await turns(early ? 3 : 0);
      assert.equal(await send(rig, client, p), 500);
      const [one] = await (waiting ?? receive(rig, server, 1));
      sameBytes(one!.bytes, p);
      assert.equal(one!.port, portOf(rig, client));
    }
  });

  row('in their order, empty and large ones among them', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    const sizes = [0, 1, 30_000, 0, 65_507, 7];
    for (const [i, size] of sizes.entries()) {
      assert.equal(await send(rig, client, pattern(size, i + 1)), size);
      const [one] = await receive(rig, server, 1);
      sameBytes(one!.bytes, pattern(size, i + 1));
    }
    for (const [i, size] of sizes.entries()) {
      if (size < 1000) await send(rig, client, pattern(size, i + 1));
    }
    const all = await receive(rig, server, 4);
    assert.deepEqual(
      all.map(({ bytes }) => bytes.length),
      [0, 1, 0, 7],
    );
  });

  row('to an address, and back to where it came from', ['datagrams'], async (rig) => {
    const [a, b] = [await open(rig), await open(rig)];
    assert.equal(await send(rig, a, pattern(10), portOf(rig, b)), 10);
    const [one] = await receive(rig, b, 1);
    assert.equal(one!.port, portOf(rig, a));
    assert.equal(await send(rig, b, pattern(20), one!.port), 20);
    assert.equal((await receive(rig, a, 1))[0]!.bytes.length, 20);
  });

  row(
    'a connected socket has two ends, hears its peer alone, and sends without an address',
    ['datagrams'],
    async (rig) => {
      const { server, client, port } = await pair(rig);
      assert.equal(rig.checked.datagrams.addressOf(client, 'remote')![1], port);
      assert.equal(rig.checked.datagrams.addressOf(server, 'remote'), null);
      const stranger = await open(rig);
      await send(rig, stranger, pattern(1), portOf(rig, client));
      await send(rig, server, pattern(2), portOf(rig, client));
      assert.equal((await receive(rig, client, 1))[0]!.bytes.length, 2);
    },
  );

  row('what is sent is a copy: the caller may write on', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    const p = pattern(100);
    rig.checked.datagrams.send(client, p, null);
    p.fill(0);
    assert.equal((await rig.next(OP_SEND, client)).result, 100);
    sameBytes((await receive(rig, server, 1))[0]!.bytes, pattern(100));
  });

  row('errors of a send: too long, nowhere to go', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    assert.equal(await send(rig, client, new Uint8Array(65_508)), -EMSGSIZE);
    assert.equal(await send(rig, server, pattern(5)), -EDESTADDRREQ);
    assert.equal(await send(rig, client, pattern(5)), 5);
    assert.equal((await receive(rig, server, 1)).length, 1);
  });

  row('an address in use, and free again after close', ['datagrams'], async (rig) => {
    const slot = await open(rig);
    const port = portOf(rig, slot);
    assert.equal(await open(rig, port), -EADDRINUSE);
    await rig.close(slot);
    assert.ok((await open(rig, port)) >= 0);
  });

  row('that nobody listens there is the error of a later operation, once', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    await rig.close(server);
    await send(rig, client, pattern(5));
    rig.checked.datagrams.receive(client);
    assert.equal((await rig.next(OP_DATAGRAMS, client)).result, -ECONNREFUSED);
    rig.checked.datagrams.receive(client);
    await turns(5);
    assert.equal(rig.arrived(OP_DATAGRAMS, client), 0);
    rig.driver.cancel(client, OP_DATAGRAMS);
    assert.equal((await rig.next(OP_DATAGRAMS, client)).result, -ECANCELED);
  });

  row('a cancelled receive completes once and loses nothing', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    const got: number[] = [];
    for (let i = 0; i < 60; i++) {
      rig.checked.datagrams.receive(server);
      const sending = send(rig, client, pattern(i + 1));
      await turns(i % 4);
      if (rig.arrived(OP_DATAGRAMS, server) === 0) rig.driver.cancel(server, OP_DATAGRAMS);
      const { result, datagrams } = await rig.next(OP_DATAGRAMS, server);
      if (result < 0) assert.equal(result, -ECANCELED);
      got.push(...datagrams.map(({ bytes }) => bytes.length));
      await sending;
    }
    if (got.length < 60) {
      got.push(...(await receive(rig, server, 60 - got.length)).map(({ bytes }) => bytes.length));
    }
    assert.deepEqual(
      got,
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
    await turns(3);
    assert.equal(rig.arrived(OP_DATAGRAMS, server), 0);
  });

  row('close cancels what is in flight, and comes last', ['datagrams'], async (rig) => {
    const { server } = await pair(rig);
    rig.checked.datagrams.receive(server);
    await turns(2);
    const cancelled = rig.next(OP_DATAGRAMS, server);
    const closed = rig.next(OP_CLOSE, server);
    rig.driver.close(server);
    assert.equal((await cancelled).result, -ECANCELED);
    assert.equal((await closed).result, 0);
  });

  row('an attempt to receive: at most so many, EAGAIN for none, errors', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    assert.equal(rig.checked.datagrams.tryReceive(server, 4), -EAGAIN);
    for (let i = 0; i < 10; i++) await send(rig, client, pattern(10 + i));
    const got: number[] = [];
    for (let i = 0; i < 200 && got.length < 10; i++, await turns(1)) {
      const count = rig.checked.datagrams.tryReceive(server, 3);
      assert.ok(count > 0 || count === -EAGAIN, String(count));
      const some = datagramsIn(rig.checked.datagrams.inbound, count);
      got.push(...some.map(({ bytes }) => bytes.length));
    }
    // A driver without answers to attempts brings the rest to who waits.
    if (got.length < 10) {
      got.push(...(await receive(rig, server, 10 - got.length)).map(({ bytes }) => bytes.length));
    }
    assert.deepEqual(
      got,
      Array.from({ length: 10 }, (_, i) => 10 + i),
    );
  });

  row('what lies in the block stays until its keeper is told', ['datagrams'], async (rig) => {
    const { server, client } = await pair(rig);
    const other = await pair(rig);
    await send(rig, client, pattern(300, 5));
    rig.checked.datagrams.receive(server);
    await rig.next(OP_DATAGRAMS, server);
    const { inbound } = rig.checked.datagrams;
    let evicted = 0;
    inbound.keepFor({
      evicted() {
        evicted++;
        sameBytes(datagramsIn(inbound, 1)[0]!.bytes, pattern(300, 5));
      },
    });
    await turns(3);
    assert.equal(evicted, 0);
    await send(rig, other.client, pattern(200, 6));
    await receive(rig, other.server, 1);
    assert.equal(evicted, 1);
    await send(rig, other.client, pattern(200, 7));
    await receive(rig, other.server, 1);
    assert.equal(evicted, 1, 'told once');
  });

  row('an attempt to send, and one of a batch', ['datagramBatch'], async (rig) => {
    const { server, client, port } = await pair(rig);
    const { datagrams } = rig.checked;
    const { outbound } = datagrams;
    for (const to of [null, address(port)]) {
      const from = to === null ? client : await open(rig);
      await until(() => datagrams.trySend(from, pattern(9), to) === 9, 'an attempt to send');
      for (let i = 0; i < 6; i++) {
        outbound.data.set(pattern(50, i + 1), 100 * i);
        outbound.words[i * D_SIZE + D_OFFSET] = 100 * i;
        outbound.words[i * D_SIZE + D_LENGTH] = 50;
        outbound.setAddress(i, to);
      }
      let sent = 0;
      await until(() => {
        const count = datagrams.trySendBatch(from, 6 - sent);
        if (count > 0) sent += count;
        else assert.equal(count, -EAGAIN);
        // What went is out of the block: the rest moves up.
        outbound.words.copyWithin(0, count > 0 ? count * D_SIZE : 0);
        return sent === 6;
      }, 'a batch to be sent');
      const all = await receive(rig, server, 7);
      assert.equal(all[0]!.bytes.length, 9);
      for (const [i, { bytes, port: sender }] of all.slice(1).entries()) {
        sameBytes(bytes, pattern(50, i + 1));
        assert.equal(sender, portOf(rig, from));
      }
    }
    outbound.words[D_LENGTH] = 50;
    outbound.setAddress(0, null);
    await until(() => datagrams.trySendBatch(server, 1) === -EDESTADDRREQ, 'an error');
  });

  row(
    'many sockets at once: nobody is forgotten, nobody gets what is another one’s',
    ['datagrams'],
    async (rig) => {
      const pairs = [];
      for (let i = 0; i < 10; i++) pairs.push(await pair(rig));
      for (let round = 0; round < 3; round++) {
        const received = pairs.map(({ server }) => receive(rig, server, 3));
        await turns(1);
        await Promise.all(
          pairs.map(async ({ client }, i) => {
            for (let j = 0; j < 3; j++) await send(rig, client, pattern(100, 10 * i + j + 1));
          }),
        );
        for (const [i, some] of (await Promise.all(received)).entries()) {
          for (const [j, { bytes }] of some.entries()) sameBytes(bytes, pattern(100, 10 * i + j + 1));
        }
      }
    },
  );

  const { seed, below } = seeded();
  row(`soak: opened, used, cancelled and closed in any order (seed ${seed})`, ['datagrams'], async (rig) => {
    const server = await open(rig);
    const port = portOf(rig, server);
    let sent = 0;
    let received = 0;
    for (let i = 0; i < 60; i++) {
      const client = await open(rig, 0, port);
      const count = below(4);
      for (let j = 0; j < count; j++) sent += (await send(rig, client, pattern(20))) === 20 ? 1 : 0;
      rig.checked.datagrams.receive(client);
      await turns(below(3));
      if (below(2) === 0) {
        rig.driver.cancel(client, OP_DATAGRAMS);
        assert.equal((await rig.next(OP_DATAGRAMS, client)).result, -ECANCELED);
      }
      await rig.close(client);
      while (received < sent) {
        rig.checked.datagrams.receive(server);
        const { result } = await rig.next(OP_DATAGRAMS, server);
        assert.ok(result > 0);
        received += result;
      }
    }
    assert.equal(received, sent);
  });
};
