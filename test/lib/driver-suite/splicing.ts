import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { setTimeout as later } from 'node:timers/promises';
import {
  SPLICE_EMPTY,
  SPLICE_END,
  SPLICE_FROM_FAILED,
  SPLICE_FULL,
  SPLICE_MORE,
  SPLICE_TO_FAILED,
  Splice,
} from '#dist/poll/splice.js';
import { pattern, sameBytes } from '../bytes.ts';
import { openDescriptors } from '../descriptors.ts';
import { streamBytes } from '../stream.ts';
import { turns } from '../waiting.ts';
import { withRawPeers } from './raw.ts';
import type { Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { ECONNRESET, EPIPE } = constants.errno;
const WITHOUT_END = Number.MAX_SAFE_INTEGER;

/** What the caller of a driver does: it goes on until the limit or the end. How it ended, and what went. */
async function spliceAll(rig: Rig, from: number, to: number, limit: number, splice = new Splice()) {
  let copied = 0;
  let remaining = limit;
  let full = 0;
  const send = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; ) {
      const sent = rig.driver.trySend(to, bytes, at, bytes.length);
      if (sent > 0) at += sent;
      else assert.equal((await rig.writable(to)).result, 0);
    }
    copied += bytes.length;
  };
  for (;;) {
    const outcome = rig.driver.trySplice!(from, to, remaining, splice);
    copied += splice.sent;
    remaining -= splice.taken;
    if (splice.leftTo > splice.leftFrom && outcome !== SPLICE_TO_FAILED)
      await send(rig.driver.slab.slice(splice.leftFrom, splice.leftTo));
    if (outcome === SPLICE_MORE && remaining === 0) return { outcome, copied, full };
    if (outcome === SPLICE_EMPTY) await rig.readable(from);
    else if (outcome === SPLICE_FULL && splice.held > 0) {
      full++;
      assert.equal((await rig.writable(to)).result, 0);
    } else if ([SPLICE_END, SPLICE_FROM_FAILED, SPLICE_TO_FAILED].some((end) => end === outcome))
      return { outcome, copied, full };
  }
}

/** Writes at one end of a chain of two connections, reads at the other. */
export const splicing: Rows = (row) => {
  row('splice: all bytes in order, of all sizes, and then the end', ['splice', 'sockets'], async (rig) => {
    const [a, source] = await rig.pair();
    const [target, b] = await rig.pair();
    const total = 3_000_000;
    const splice = new Splice();
    const going = spliceAll(rig, source, target, WITHOUT_END, splice);
    const received = rig.receive(b, total);
    for (let sent = 0, i = 0; sent < total; i++) {
      const size = [1, 100, 16_384, 5, 40_000, 16_385, 200_000][i % 7]!;
      const bytes = streamBytes(5, sent, Math.min(total, sent + size));
      for (let at = 0; at < bytes.length; ) {
        const count = rig.driver.trySend(a, bytes, at, bytes.length);
        if (count > 0) at += count;
        else assert.equal((await rig.writable(a)).result, 0);
      }
      sent += bytes.length;
      if (i % 3 === 0) await later(1);
    }
    sameBytes(await received, streamBytes(5, 0, total));
    await rig.shutdown(a, 'write');
    const { outcome, copied } = await going;
    assert.equal(outcome, SPLICE_END);
    assert.equal(copied, total);
    assert.equal(splice.held, 0);
    rig.driver.endSplice!(splice);
  });

  row(
    'splice: never beyond the limit, and nothing of the rest is taken',
    ['splice', 'sockets'],
    async (rig) => {
      const [a, source] = await rig.pair();
      const [target, b] = await rig.pair();
      const bytes = pattern(60_000);
      rig.send(a, bytes);
      await rig.drain(a);
      for (const limit of [1, 100, 0, 20_000, 16_384]) {
        const { outcome, copied } = await spliceAll(rig, source, target, limit);
        assert.equal(outcome, SPLICE_MORE);
        assert.equal(copied, limit);
      }
      sameBytes(await rig.receive(b, 36_485), bytes.subarray(0, 36_485));
      sameBytes(await rig.receive(source, 60_000 - 36_485), bytes.subarray(36_485));
    },
  );

  row(
    'splice: a full destination; what is held is delivered also when the source has gone',
    ['splice', 'sockets'],
    async (rig) => {
      const [a, source] = await rig.pair();
      const [target, b] = await rig.pair();
      const splice = new Splice();
      let sent = 0;
      let taken = 0;
      for (let full = false; !full; ) {
        const bytes = streamBytes(6, sent, sent + 200_000);
        const count = rig.driver.trySend(a, bytes, 0, bytes.length);
        if (count > 0) sent += count;
        const outcome = rig.driver.trySplice!(source, target, WITHOUT_END, splice);
        taken += splice.taken;
        full = outcome === SPLICE_FULL && splice.held > 0;
        if (outcome === SPLICE_EMPTY) await turns(1);
        assert.equal(splice.leftTo, splice.leftFrom, 'much goes by way of a pipe');
      }
      await rig.close(source);
      const received = rig.receive(b, taken);
      while (splice.held > 0) {
        const outcome = rig.driver.trySplice!(-1, target, 0, splice);
        if (outcome === SPLICE_FULL) assert.equal((await rig.writable(target)).result, 0);
      }
      sameBytes(await received, streamBytes(6, 0, taken));
      rig.driver.endSplice!(splice);
    },
  );

  row(
    'splice: pipes are held only by who is stuck, and given up with him',
    ['splice', 'sockets'],
    async (rig) => {
      const pipes = () => openDescriptors().filter((entry) => entry.includes('pipe:')).length;
      const before = pipes();
      const held: Splice[] = [];
      for (let i = 0; i < 12; i++) {
        const [a, source] = await rig.pair();
        const [target] = await rig.pair();
        const splice = new Splice();
        const bytes = pattern(500_000);
        while (splice.held === 0) {
          rig.driver.trySend(a, bytes, 0, bytes.length);
          if (rig.driver.trySplice!(source, target, WITHOUT_END, splice) === SPLICE_EMPTY) await turns(1);
        }
        held.push(splice);
      }
      assert.ok(pipes() >= 24, `${pipes()} ends of pipes`);
      for (const splice of held) rig.driver.endSplice!(splice);
      assert.ok(pipes() - before <= 0, 'one that holds bytes is closed');
      // None of those bytes is anybody else's.
      const [a, source] = await rig.pair();
      const [target, b] = await rig.pair();
      const bytes = streamBytes(8, 0, 60_000);
      rig.send(a, bytes);
      const going = spliceAll(rig, source, target, 60_000);
      sameBytes(await rig.receive(b, 60_000), bytes);
      assert.equal((await going).copied, 60_000);
      assert.ok(pipes() - before <= 2, 'an empty one is kept');
    },
  );

  row(
    'splice: a little that finds no room is left in memory, all of it',
    ['splice', 'sockets'],
    async (rig) => {
      for (const size of [1, 700, 3000]) {
        const [a, source] = await rig.pair();
        const [target, b] = await rig.pair();
        const filler = pattern(100_000, 7);
        let filled = 0;
        for (let quiet = 0; quiet < 20; ) {
          const sent = rig.driver.trySend(target, filler, filled % 1000, 100_000);
          if (sent > 0) filled += sent;
          quiet = sent > 0 ? 0 : quiet + 1;
          await turns(1);
        }
        const bytes = pattern(size, 9);
        rig.send(a, bytes);
        await rig.readable(source);
        const splice = new Splice();
        assert.equal(rig.driver.trySplice!(source, target, WITHOUT_END, splice), SPLICE_FULL);
        const left = rig.driver.slab.slice(splice.leftFrom, splice.leftTo);
        assert.equal(splice.taken, size);
        assert.equal(splice.held, 0);
        sameBytes(left, bytes.subarray(splice.sent));
        rig.driver.endSplice!(splice);
        assert.equal((await rig.receive(b, filled + splice.sent)).length, filled + splice.sent);
      }
    },
  );

  row('splice: a source that was reset, a destination that was', ['splice', 'sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const [a, b] = await rig.pair();
      raw.resetAndDestroy();
      await later(20);
      const { outcome } = await spliceAll(rig, slot, a, WITHOUT_END);
      assert.equal(outcome, SPLICE_FROM_FAILED);
      rig.send(b, pattern(10));
      assert.equal((await rig.receive(a, 10)).length, 10);
    });
    await withRawPeers(rig, async (slot, raw) => {
      const [a, b] = await rig.pair();
      raw.resetAndDestroy();
      await later(20);
      const splice = new Splice();
      rig.send(a, pattern(50_000));
      await rig.drain(a);
      const { outcome } = await spliceAll(rig, b, slot, WITHOUT_END, splice);
      assert.equal(outcome, SPLICE_TO_FAILED);
      assert.ok([ECONNRESET, EPIPE].includes(splice.errno), String(splice.errno));
      rig.driver.endSplice!(splice);
    });
  });

  row('splice: an error that a peek has met is told', ['splice', 'sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const [a] = await rig.pair();
      raw.resetAndDestroy();
      await later(20);
      assert.equal(rig.driver.peek(slot), -ECONNRESET);
      const splice = new Splice();
      assert.equal(rig.driver.trySplice!(slot, a, WITHOUT_END, splice), SPLICE_FROM_FAILED);
      assert.equal(splice.errno, ECONNRESET);
    });
  });
};
