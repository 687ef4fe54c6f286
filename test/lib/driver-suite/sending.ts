import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { setTimeout as later } from 'node:timers/promises';
import { OP_CLOSE, OP_DRAIN, OP_RECV, OP_WRITABLE } from '#dist/poll/driver.js';
import { pattern, sameBytes } from '../bytes.ts';
import { collect } from '../raw-peer.ts';
import { streamBytes } from '../stream.ts';
import { turns, until } from '../waiting.ts';
import { fill, fillDirectly, withRawPeers } from './raw.ts';
import type { Rows } from './subject.ts';

const { ECANCELED, ECONNRESET, EPIPE } = constants.errno;
const REFUSALS = [ECONNRESET, EPIPE];

export const sending: Rows = (row) => {
  row('stage copies: the caller may overwrite its buffer at once', [], async (rig) => {
    const [a, b] = await rig.pair();
    const p = new Uint8Array(1000);
    for (let i = 0; i < 20; i++) {
      p.set(streamBytes(1, i * 500, (i + 1) * 500), 250);
      rig.driver.stage(a, p, 250, 750);
      p.fill(0xee);
    }
    sameBytes(await rig.receive(b, 10_000), streamBytes(1, 0, 10_000));
  });

  row(
    'nobody flushes: what a timer, an immediate, a microtask staged goes before the loop sleeps',
    [],
    async (rig) => {
      const [a, b] = await rig.pair();
      const ways: ((stage: () => void) => void)[] = [
        (stage) => setTimeout(stage, 10),
        (stage) => setImmediate(stage),
        (stage) => queueMicrotask(stage),
        (stage) => process.nextTick(stage),
        (stage) => stage(),
      ];
      for (const [i, way] of ways.entries()) {
        const received = rig.receive(b, 10);
        // Parked and asleep.
        await later(5);
        way(() => rig.send(a, pattern(10, i + 1)));
        sameBytes(await received, pattern(10, i + 1));
      }
    },
  );

  row('what is staged inside a completion goes, too', [], async (rig) => {
    const [a, b] = await rig.pair();
    let trips = 0;
    rig.onComplete = ({ op, slot, bytes, more }) => {
      if (op !== OP_RECV) return;
      if (slot === b) rig.send(b, bytes);
      else if (++trips < 100) rig.send(a, bytes);
      if (!more && trips < 100) rig.driver.recv(slot, 100);
    };
    rig.driver.recv(a, 100);
    rig.driver.recv(b, 100);
    rig.send(a, Uint8Array.of(7));
    await until(() => trips >= 100, '100 round trips', 20_000);
  });

  row('drain completes with 0 when everything has gone, also when nothing was outbound', [], async (rig) => {
    const [a, b] = await rig.pair();
    assert.equal(rig.driver.outboundLength(a), 0);
    assert.equal((await rig.drain(a)).result, 0);
    rig.send(a, pattern(5000));
    assert.equal((await rig.drain(a)).result, 0);
    assert.equal(rig.driver.outboundLength(a), 0);
    sameBytes(await rig.receive(b, 5000), pattern(5000));
  });

  row('outboundLength counts what the kernel has not; it comes back to 0 by itself', [], async (rig) => {
    const [a, b] = await rig.pair();
    rig.send(a, pattern(100));
    rig.send(a, pattern(200));
    assert.ok(rig.driver.outboundLength(a) <= 300);
    await until(() => rig.driver.outboundLength(a) === 0, 'the chain to go');
    assert.equal((await rig.receive(b, 300)).length, 300);
  });

  row('flushNow, flush: nothing is sent twice or out of order by them', [], async (rig) => {
    const pairs = [await rig.pair(), await rig.pair(), await rig.pair()];
    const each = 200;
    for (let i = 0; i < 100; i++) {
      for (const [n, [a]] of pairs.entries()) {
        rig.send(a, streamBytes(n, i * each, (i + 1) * each));
        if ((i + n) % 7 === 0) rig.driver.flushNow(a);
        if (rig.driver.outboundLength(a) > 60_000) await rig.drain(a);
      }
      if (i % 11 === 0) rig.driver.flush();
      if (i % 17 === 0) await turns(1);
    }
    for (const [n, [, b]] of pairs.entries()) {
      sameBytes(await rig.receive(b, 100 * each), streamBytes(n, 0, 100 * each));
    }
  });

  row('chains of very many small pieces over several connections, in one turn', [], async (rig) => {
    const pairs = [];
    for (let i = 0; i < 10; i++) pairs.push(await rig.pair());
    const received = pairs.map(([, b]) => rig.receive(b, 3 * 4000));
    for (let i = 0; i < 4000; i++) {
      for (const [n, [a]] of pairs.entries()) rig.send(a, streamBytes(n, i * 3, i * 3 + 3));
    }
    for (const [n, bytes] of (await Promise.all(received)).entries())
      sameBytes(bytes, streamBytes(n, 0, 12_000));
  });

  row('far more than any shared memory takes, over many connections, in one turn', [], async (rig) => {
    const pairs: [number, number][] = [];
    for (let i = 0; i < 25; i++) pairs.push(await rig.pair());
    const received = pairs.map(([, b]) => rig.receive(b, 60_000));
    for (const [n, [a]] of pairs.entries()) {
      for (let i = 0; i < 60_000; i += 3000) rig.send(a, streamBytes(n, i, i + 3000));
    }
    for (const [n, bytes] of (await Promise.all(received)).entries())
      sameBytes(bytes, streamBytes(n, 0, 60_000));
  });

  row(
    'a peer that does not read: the chain stays, drain waits for its level, then all of it arrives',
    [],
    async (rig) => {
      const [a, b] = await rig.pair();
      const staged = await fill(rig, a, 5);
      const outbound = rig.driver.outboundLength(a);
      // Few enough already: that is no reason to wait until they are none.
      assert.equal((await rig.drain(a, outbound)).result, 0);
      assert.equal(rig.driver.outboundLength(a), outbound);
      const level = Math.floor(outbound / 2);
      let atCompletion = -1;
      rig.onComplete = ({ op }) => {
        if (op === OP_DRAIN) atCompletion = rig.driver.outboundLength(a);
      };
      const draining = rig.drain(a, level);
      await turns(20);
      assert.equal(rig.arrived(OP_DRAIN, a), 0);
      assert.equal(rig.driver.outboundLength(a), outbound);
      sameBytes(await rig.receive(b, staged), streamBytes(5, 0, staged));
      assert.equal((await draining).result, 0);
      assert.ok(
        atCompletion >= 0 && atCompletion <= level,
        `${atCompletion} outbound at completion, level ${level}`,
      );
    },
  );

  row('a chain that waits grows at its end: order is kept', [], async (rig) => {
    const [a, b] = await rig.pair();
    const staged = await fill(rig, a, 6);
    rig.send(a, streamBytes(6, staged, staged + 1000));
    rig.driver.flushNow(a);
    await turns(2);
    rig.send(a, streamBytes(6, staged + 1000, staged + 3000));
    rig.driver.flush();
    sameBytes(await rig.receive(b, staged + 3000), streamBytes(6, 0, staged + 3000));
    assert.equal((await rig.drain(a)).result, 0);
  });

  row('a cancelled drain completes once and drops nothing', [], async (rig) => {
    const [a, b] = await rig.pair();
    const staged = await fill(rig, a, 7);
    const draining = rig.drain(a);
    await turns(2);
    rig.driver.cancel(a, OP_DRAIN);
    assert.equal((await draining).result, -ECANCELED);
    sameBytes(await rig.receive(b, staged), streamBytes(7, 0, staged));
    await turns(3);
    assert.equal(rig.arrived(OP_DRAIN, a), 0);
  });

  row('writable completes with 0 where there is room', [], async (rig) => {
    const [a] = await rig.pair();
    for (let i = 0; i < 3; i++) assert.equal((await rig.writable(a)).result, 0);
  });

  row('writable waits while there is none, and may be cancelled', ['direct'], async (rig) => {
    const [a, b] = await rig.pair();
    const staged = await fillDirectly(rig, a, 8);
    const cancelled = rig.writable(a);
    await turns(3);
    assert.equal(rig.arrived(OP_WRITABLE, a), 0);
    rig.driver.cancel(a, OP_WRITABLE);
    assert.equal((await cancelled).result, -ECANCELED);
    const waiting = rig.writable(a);
    sameBytes(await rig.receive(b, staged), streamBytes(8, 0, staged));
    assert.equal((await waiting).result, 0);
  });

  row('writable completes at a reset', ['direct', 'sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      await fillDirectly(rig, slot);
      const waiting = rig.writable(slot);
      raw.resetAndDestroy();
      await waiting;
      assert.ok(REFUSALS.includes(-rig.driver.trySend(slot, pattern(1), 0, 1)));
    });
  });

  row(
    'a reset drops the chain: one fault with the bytes that never went, and drain completes with it',
    ['sockets'],
    async (rig) => {
      await withRawPeers(rig, async (slot, raw) => {
        await fill(rig, slot);
        const outbound = rig.driver.outboundLength(slot);
        const draining = rig.drain(slot);
        await turns(2);
        raw.resetAndDestroy();
        const { result } = await draining;
        const { errno, unsent } = await rig.faulted(slot);
        assert.ok(REFUSALS.includes(errno), String(errno));
        assert.equal(result, -errno);
        assert.equal(unsent, outbound);
        assert.equal(rig.driver.outboundLength(slot), 0);
        await turns(5);
        await rig.faulted(slot);
      });
    },
  );

  row('a reset is a fault also when nobody drains and nobody receives', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      await fill(rig, slot);
      const outbound = rig.driver.outboundLength(slot);
      raw.resetAndDestroy();
      const { unsent } = await rig.faulted(slot);
      assert.equal(unsent, outbound);
    });
  });

  row(
    'staged for a peer that has reset: a fault with every byte, never inside the call',
    ['sockets'],
    async (rig) => {
      for (const flush of [false, true]) {
        await withRawPeers(rig, async (slot, raw) => {
          raw.resetAndDestroy();
          await later(20);
          rig.send(slot, pattern(300));
          if (flush) rig.driver.flushNow(slot);
          const { errno, unsent } = await rig.faulted(slot);
          assert.ok(REFUSALS.includes(errno), String(errno));
          assert.equal(unsent, 300);
          assert.equal(rig.driver.outboundLength(slot), 0);
        });
      }
    },
  );

  row('close drops the chain and tells no fault; what had gone arrives', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const staged = await fill(rig, slot, 9);
      const outbound = rig.driver.outboundLength(slot);
      const draining = rig.drain(slot);
      await turns(1);
      const closed = rig.next(OP_CLOSE, slot);
      rig.driver.close(slot);
      assert.equal((await draining).result, -ECANCELED);
      assert.equal((await closed).result, 0);
      assert.equal(rig.faults.has(slot), false);
      const received = await collect(raw);
      assert.ok(
        received.length <= staged && received.length >= staged - outbound,
        `${received.length} of ${staged}`,
      );
      sameBytes(received, streamBytes(9, 0, received.length));
    });
  });

  row('a slow reader gets everything; meanwhile others are served', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const staged = await fill(rig, slot, 10);
      const [a, b] = await rig.pair();
      for (let i = 0; i < 20; i++) {
        rig.send(a, pattern(100, i + 1));
        sameBytes(await rig.receive(b, 100), pattern(100, i + 1));
      }
      const received = collect(raw);
      assert.equal((await rig.drain(slot)).result, 0);
      assert.equal((await rig.shutdown(slot, 'write')).result, 0);
      sameBytes(await received, streamBytes(10, 0, staged));
    });
  });
};
