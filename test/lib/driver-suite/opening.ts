import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as nodeConnect, type Socket } from 'node:net';
import { constants, networkInterfaces } from 'node:os';
import { OP_ACCEPT, OP_CLOSE, OP_CONNECT, OP_LISTEN } from '#dist/poll/driver.js';
import { turns } from '../waiting.ts';
import type { Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { ECANCELED, ECONNREFUSED, EADDRINUSE, EADDRNOTAVAIL } = constants.errno;

const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

/** A port of this machine at which nobody listens. */
async function deadPort(rig: Rig): Promise<number> {
  const listener = await rig.listen();
  const port = rig.port(listener);
  await rig.close(listener);
  return port;
}

export const opening: Rows = (row, subject) => {
  row(
    'listen, connect, accept: slots below slotCount, each with its generation',
    ['sockets'],
    async (rig) => {
      const listener = await rig.listen();
      const a = await rig.connect(rig.port(listener));
      rig.driver.accept(listener);
      const { result: b, offset } = await rig.next(OP_ACCEPT, listener);
      assert.equal(offset, rig.driver.generationOf(b));
      for (const slot of [listener, a, b]) assert.ok(slot >= 0 && slot < rig.driver.slotCount, String(slot));
      assert.equal(new Set([listener, a, b]).size, 3);
    },
  );

  row('successive owners of a slot have different generations', [], async (rig) => {
    const owners = new Set<string>();
    let opened = 0;
    for (let i = 0; i < 60; i++) {
      const slots = await rig.pair();
      for (const slot of slots) owners.add(`${slot} ${rig.driver.generationOf(slot)}`);
      opened += slots.length;
      await Promise.all(slots.map((slot) => rig.close(slot)));
    }
    assert.equal(owners.size, opened);
    const slots = new Set([...owners].map((owner) => owner.split(' ')[0]));
    assert.ok(slots.size < opened, 'slots come back');
  });

  row('nobody listens: ECONNREFUSED', ['sockets'], async (rig) => {
    assert.equal(await rig.connect(await deadPort(rig)), -ECONNREFUSED);
  });

  row('somebody listens there already: EADDRINUSE', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    assert.equal(await rig.listen('127.0.0.1', rig.port(listener)), -EADDRINUSE);
    assert.equal(rig.port(listener) > 0, true);
  });

  row('to listen at an address of nobody here: EADDRNOTAVAIL', ['sockets'], async (rig) => {
    assert.equal(await rig.listen('192.0.2.1'), -EADDRNOTAVAIL);
  });

  row('a refused connect keeps its slot until close', ['sockets'], async (rig) => {
    const port = await deadPort(rig);
    const slot = rig.opened(rig.driver.connect('127.0.0.1', port, null));
    if (slot < 0) return;
    assert.ok((await rig.next(OP_CONNECT, slot)).result < 0);
    const other = await rig.listen();
    assert.notEqual(other, slot);
    assert.equal((await rig.close(slot)).result, 0);
  });

  row('close of a socket that is connecting: connect completes, and close last', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    const slot = rig.opened(rig.driver.connect('127.0.0.1', rig.port(listener), null));
    const connected = rig.next(OP_CONNECT, slot);
    const closed = rig.next(OP_CLOSE, slot);
    rig.driver.close(slot);
    assert.ok([0, -ECANCELED].includes((await connected).result));
    assert.equal((await closed).result, 0);
  });

  row(
    'close of a socket that was just told to listen: listen completes, and close last',
    ['sockets'],
    async (rig) => {
      const slot = rig.opened(
        rig.driver.listen('127.0.0.1', 0, { backlog: 8, reusePort: false, ipv6Only: false }),
      );
      const listening = rig.next(OP_LISTEN, slot);
      const closed = rig.next(OP_CLOSE, slot);
      rig.driver.close(slot);
      assert.ok([0, -ECANCELED].includes((await listening).result));
      assert.equal((await closed).result, 0);
    },
  );

  row('a cancelled connect completes once', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    for (let i = 0; i < 20; i++) {
      const slot = rig.opened(rig.driver.connect('127.0.0.1', rig.port(listener), null));
      const connected = rig.next(OP_CONNECT, slot);
      if (i % 2 === 1) await Promise.resolve();
      if (rig.arrived(OP_CONNECT, slot) === 0) rig.driver.cancel(slot, OP_CONNECT);
      assert.ok([0, -ECANCELED].includes((await connected).result));
      await turns(2);
      assert.equal(rig.arrived(OP_CONNECT, slot), 0);
    }
  });

  row(
    'who connects before anybody accepts waits in the backlog; everybody is accepted once',
    ['sockets'],
    async (rig) => {
      const listener = await rig.listen();
      const port = rig.port(listener);
      const dialled = await Promise.all(Array.from({ length: 50 }, () => rig.connect(port)));
      const ports = new Map(dialled.map((slot) => [rig.driver.localAddress(slot)!.port, slot]));
      assert.equal(ports.size, 50);
      for (let i = 0; i < 50; i++) {
        const slot = await rig.accept(listener);
        assert.ok(slot >= 0);
        assert.ok(ports.delete(rig.driver.remoteAddress(slot)!.port), 'accepted once, and one of ours');
      }
    },
  );

  row('accept parks until somebody comes, from a sleeping loop, too', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    const accepting = rig.accept(listener);
    await turns(5);
    assert.equal(rig.arrived(OP_ACCEPT, listener), 0);
    const raw = nodeConnect(rig.port(listener), '127.0.0.1');
    raw.on('error', () => {});
    const slot = await accepting;
    assert.equal(rig.driver.remoteAddress(slot)!.port, raw.localPort);
    raw.destroy();
  });

  row('a cancelled accept loses nobody', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    const port = rig.port(listener);
    const raws: Socket[] = [];
    const accepted: number[] = [];
    for (let i = 0; i < 30; i++) {
      const accepting = rig.accept(listener);
      const raw = nodeConnect(port, '127.0.0.1');
      raw.on('error', () => {});
      raws.push(raw);
      await turns(i % 4);
      // As often as not it has come by now.
      if (
        rig.checked.unfinished.some((text) => text.startsWith(`slot ${listener}:`) && text.includes('accept'))
      ) {
        rig.driver.cancel(listener, OP_ACCEPT);
      }
      const result = await accepting;
      if (result >= 0) accepted.push(result);
      else assert.equal(result, -ECANCELED);
      if (raw.connecting) await once(raw, 'connect');
    }
    while (accepted.length < 30) accepted.push(await rig.accept(listener));
    const peers = new Set(accepted.map((slot) => rig.driver.remoteAddress(slot)!.port));
    assert.deepEqual(peers, new Set(raws.map((raw) => raw.localPort)));
    for (const raw of raws) raw.destroy();
  });

  row('two listeners share a port', ['sockets', 'reusePort'], async (rig) => {
    const first = await rig.listen('127.0.0.1', 0, { reusePort: true });
    const second = await rig.listen('127.0.0.1', rig.port(first), { reusePort: true });
    assert.ok(second >= 0, String(second));
    assert.equal(rig.port(second), rig.port(first));
  });

  row('connect from a local address', ['sockets', 'localAddress'], async (rig) => {
    const listener = await rig.listen('0.0.0.0');
    const port = await deadPort(rig);
    const a = await rig.connect(rig.port(listener), '127.0.0.1', { host: '127.0.0.2', port });
    assert.ok(a >= 0, String(a));
    const b = await rig.accept(listener);
    assert.deepEqual(rig.driver.localAddress(a), { host: '127.0.0.2', port });
    assert.deepEqual(rig.driver.remoteAddress(b), { host: '127.0.0.2', port });
  });

  row('connect from an address of nobody here: EADDRNOTAVAIL', ['sockets', 'localAddress'], async (rig) => {
    const listener = await rig.listen();
    const slot = await rig.connect(rig.port(listener), '127.0.0.1', { host: '192.0.2.1', port: 0 });
    assert.equal(slot, -EADDRNOTAVAIL);
  });

  row('addresses: mine is yours, seen from the other end', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    const address = rig.driver.localAddress(listener);
    const a = await rig.connect(rig.port(listener));
    const b = await rig.accept(listener);
    assert.deepEqual(rig.driver.remoteAddress(a), address);
    assert.deepEqual(rig.driver.localAddress(b), address);
    assert.deepEqual(rig.driver.localAddress(a), rig.driver.remoteAddress(b));
  });

  if (hasIPv6) {
    row('IPv6: addresses; without ipv6Only IPv4 comes in, with it, it does not', ['sockets'], async (rig) => {
      const both = await rig.listen('::');
      const a = await rig.connect(rig.port(both), '::1');
      const b = await rig.accept(both);
      assert.equal(rig.driver.remoteAddress(a)!.host, '::1');
      assert.deepEqual(rig.driver.localAddress(a), rig.driver.remoteAddress(b));
      assert.ok((await rig.connect(rig.port(both))) >= 0);
      const only = await rig.listen('::', 0, { ipv6Only: true });
      assert.equal(await rig.connect(rig.port(only)), -ECONNREFUSED);
      assert.ok((await rig.connect(rig.port(only), '::1')) >= 0);
    });
  }

  row(
    'more sockets than slots: an errno, nothing worse; a closed one makes room',
    ['sockets'],
    async (rig) => {
      assert.ok(rig.driver.slotCount <= 1024, `${subject.name}: the suite wants a driver with few slots`);
      const listener = await rig.listen();
      const port = rig.port(listener);
      const slots: number[] = [];
      let refused = 0;
      while (slots.length <= rig.driver.slotCount) {
        refused = await rig.connect(port);
        if (refused < 0) break;
        slots.push(refused);
      }
      assert.ok(
        refused < 0 && slots.length < rig.driver.slotCount,
        `${slots.length} opened, then ${refused}`,
      );
      // No slot for an accepted one either, unless the driver has accepted it long ago.
      const accepted = await rig.accept(listener);
      assert.ok(accepted < rig.driver.slotCount, String(accepted));
      await rig.close(slots.pop()!);
      const again = await rig.connect(port);
      assert.ok(again >= 0, `room again, but ${again}`);
    },
  );
};
