import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as later } from 'node:timers/promises';
import { pattern, sameBytes } from '../bytes.ts';
import { streamBytes } from '../stream.ts';
import { turns } from '../waiting.ts';
import { acceptedFromRaw } from './raw.ts';
import type { Rows } from './subject.ts';

const { ECONNRESET, EPIPE } = constants.errno;
const PIECE = 8 * 1024;

/** What many connections send in one turn of the event loop, whoever of them is in trouble. */
export const batches: Rows = (row) => {
  row('many connections in one turn: each gets its own, in order', [], async (rig) => {
    const pairs: [number, number][] = [];
    for (let i = 0; i < 50; i++) pairs.push(await rig.pair());
    for (let round = 0; round < 5; round++) {
      const received = pairs.map(([, b]) => rig.receive(b, 200));
      // Some in one piece, some in several.
      for (const [n, [a]] of pairs.entries()) {
        const bytes = streamBytes(n, round * 200, round * 200 + 200);
        const cut = n % 3 === 0 ? 200 : 50;
        for (let at = 0; at < 200; at += cut) rig.send(a, bytes.subarray(at, at + cut));
      }
      for (const [n, bytes] of (await Promise.all(received)).entries())
        sameBytes(bytes, streamBytes(n, round * 200, round * 200 + 200));
    }
  });

  row(
    'some peers do not read: their chains go in part and stay in order, beside others that go whole',
    [],
    async (rig) => {
      const stuck: [number, number][] = [];
      const well: [number, number][] = [];
      for (let i = 0; i < 4; i++) stuck.push(await rig.pair());
      for (let i = 0; i < 4; i++) well.push(await rig.pair());
      const staged = stuck.map(() => 0);
      let rounds = 0;
      /** Whether the kernel takes no more, also after a while. */
      const isFull = async ([a]: [number, number]) => {
        for (let i = 0; i < 20 && rig.driver.outboundLength(a) > 0; i++) await turns(1);
        if (rig.driver.outboundLength(a) > 0) await later(20);
        return rig.driver.outboundLength(a) > 0;
      };
      for (let open = stuck; open.length > 0; rounds++) {
        for (const [n, [a]] of stuck.entries()) {
          if (rig.driver.outboundLength(a) > 0) continue;
          rig.send(a, streamBytes(n, staged[n]!, staged[n]! + PIECE));
          staged[n]! += PIECE;
        }
        const received = well.map(([, b]) => rig.receive(b, 100));
        for (const [n, [a]] of well.entries()) rig.send(a, streamBytes(n, rounds * 100, rounds * 100 + 100));
        for (const [n, bytes] of (await Promise.all(received)).entries())
          sameBytes(bytes, streamBytes(n, rounds * 100, rounds * 100 + 100));
        const full = await Promise.all(open.map(isFull));
        open = open.filter((_, i) => !full[i]);
      }
      // More behind what waits, again for all in one turn; and one of them gives up.
      for (const [n, [a]] of stuck.entries()) {
        rig.send(a, streamBytes(n, staged[n]!, staged[n]! + 1000));
        staged[n]! += 1000;
      }
      await rig.close(stuck[3]![0]);
      const received = stuck.slice(0, 3).map(([, b], n) => rig.receive(b, staged[n]!));
      for (const [n, bytes] of (await Promise.all(received)).entries())
        sameBytes(bytes, streamBytes(n, 0, staged[n]!));
      for (const [a] of stuck.slice(0, 3)) assert.equal((await rig.drain(a)).result, 0);
      assert.equal(rig.faults.size, 0);
    },
  );

  row(
    'half of the peers have reset: a fault for each of these with every byte, and the others get theirs',
    ['sockets'],
    async (rig) => {
      const peers = [];
      for (let i = 0; i < 8; i++) peers.push(await acceptedFromRaw(rig));
      try {
        for (const [i, [, raw]] of peers.entries()) if (i % 2 === 0) raw.resetAndDestroy();
        await later(20);
        for (const [slot] of peers) rig.send(slot, pattern(300));
        for (const [i, [slot, raw]] of peers.entries()) {
          if (i % 2 === 0) {
            const { errno, unsent } = await rig.faulted(slot);
            assert.ok([ECONNRESET, EPIPE].includes(errno), String(errno));
            assert.equal(unsent, 300);
          } else {
            if (raw.readableLength < 300) await once(raw, 'readable');
            sameBytes(raw.read() as Buffer, pattern(300));
            assert.equal(rig.faults.has(slot), false);
          }
          assert.equal(rig.driver.outboundLength(slot), 0);
        }
      } finally {
        for (const [, raw] of peers) raw.destroy();
      }
    },
  );

  row(
    'closed in the turn in which they were staged for: nothing of theirs goes to anybody else',
    [],
    async (rig) => {
      for (let round = 0; round < 5; round++) {
        const pairs: [number, number][] = [];
        for (let i = 0; i < 6; i++) pairs.push(await rig.pair());
        for (const [n, [a]] of pairs.entries()) rig.send(a, pattern(500, n + 1));
        const closed = pairs.filter((_, n) => n % 2 === 0).map(([a]) => rig.close(a));
        // The descriptors may be others' by the time the rest is sent.
        const others = [await rig.pair(), await rig.pair()];
        for (const [n, [a]] of others.entries()) rig.send(a, pattern(500, 100 + n));
        for (const { result } of await Promise.all(closed)) assert.equal(result, 0);
        for (const [n, [, b]] of pairs.entries()) {
          if (n % 2 === 1) sameBytes(await rig.receive(b, 500), pattern(500, n + 1));
        }
        for (const [n, [, b]] of others.entries())
          sameBytes(await rig.receive(b, 500), pattern(500, 100 + n));
        for (const [a, b] of [...pairs.filter((_, n) => n % 2 === 1), ...others]) {
          await rig.close(a);
          await rig.close(b);
        }
      }
    },
  );
};
