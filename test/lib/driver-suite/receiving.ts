import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { setTimeout as later } from 'node:timers/promises';
import { OP_RECV } from '#dist/poll/driver.js';
import { pattern, sameBytes } from '../bytes.ts';
import { streamBytes } from '../stream.ts';
import { turns, until } from '../waiting.ts';
import { withRawPeers, written } from './raw.ts';
import type { Rows } from './subject.ts';

const { ECANCELED, ECONNRESET } = constants.errno;

export const receiving: Rows = (row) => {
  row('begun before the bytes come: completes when they come', [], async (rig) => {
    const [a, b] = await rig.pair();
    const receiving = rig.recv(b);
    await turns(5);
    assert.equal(rig.arrived(OP_RECV, b), 0);
    rig.send(a, pattern(100));
    const { result, bytes, more } = await receiving;
    assert.ok(result > 0 && (!more || rig.has('multishot')));
    sameBytes(bytes, pattern(100).subarray(0, result));
  });

  row(
    'begun long after the bytes have come, out of a sleeping loop: no wake-up is lost',
    ['sockets'],
    async (rig) => {
      await withRawPeers(rig, async (slot, raw) => {
        for (let i = 1; i <= 5; i++) {
          await written(raw, pattern(50, i));
          await later(10);
          sameBytes(await rig.receive(slot, 50), pattern(50, i));
          await later(5);
        }
      });
    },
  );

  row('all that was sent, in order, whatever is asked for at a time', [], async (rig) => {
    const [a, b] = await rig.pair();
    const sent = pattern(60_000);
    rig.send(a, sent);
    const parts: Uint8Array[] = [];
    for (let total = 0, i = 0; total < sent.length; i++) {
      const { result, bytes } = await rig.recv(b, [1, 100, 5000, 16_384, 100_000][i % 5]);
      assert.ok(result > 0);
      parts.push(bytes);
      total += result;
    }
    sameBytes(new Uint8Array(Buffer.concat(parts)), sent);
  });

  row('as many as wanted come at once where they are there', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      await written(raw, pattern(10_000));
      await later(20);
      assert.equal((await rig.recv(slot, 10_000)).result, 10_000);
    });
  });

  row(
    'the receiver may overwrite received bytes until complete returns; nobody else notices',
    [],
    async (rig) => {
      const pairs = await Promise.all([rig.pair(), rig.pair(), rig.pair()]);
      rig.onComplete = ({ op, result, offset }) => {
        if (op === OP_RECV && result > 0) rig.driver.slab.fill(0xee, offset, offset + result);
      };
      for (let round = 0; round < 20; round++) {
        const received = pairs.map(([, b]) => rig.receive(b, 3000));
        for (const [i, [a]] of pairs.entries()) rig.send(a, pattern(3000, i + round + 1));
        for (const [i, bytes] of (await Promise.all(received)).entries())
          sameBytes(bytes, pattern(3000, i + round + 1));
      }
    },
  );

  row('inside complete the next one may begin: a stream without a promise', [], async (rig) => {
    const [a, b] = await rig.pair();
    const parts: Uint8Array[] = [];
    let total = 0;
    const most = 300_000;
    rig.onComplete = ({ op, slot, bytes, more }) => {
      if (op !== OP_RECV || slot !== b) return;
      parts.push(bytes);
      total += bytes.length;
      if (!more && total < most) rig.driver.recv(b, 8192);
    };
    rig.driver.recv(b, 8192);
    for (let sent = 0; sent < most; sent += 10_000) {
      rig.send(a, streamBytes(1, sent, sent + 10_000));
      if (rig.driver.outboundLength(a) > 50_000) await rig.drain(a, 20_000);
    }
    await until(() => total >= most, 'all bytes', 20_000);
    sameBytes(new Uint8Array(Buffer.concat(parts)), streamBytes(1, 0, most));
  });

  row(
    'the end of the stream is 0, as often as one asks, and bytes come before it',
    ['sockets'],
    async (rig) => {
      await withRawPeers(rig, async (slot, raw) => {
        raw.end('last words');
        assert.equal(Buffer.from(await rig.receive(slot, 100)).toString(), 'last words');
        for (let i = 0; i < 3; i++) assert.equal((await rig.recv(slot)).result, 0);
      });
    },
  );

  row('the end while a receive waits', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const receiving = rig.recv(slot);
      await turns(3);
      raw.end();
      assert.equal((await receiving).result, 0);
    });
  });

  row('a reset while a receive waits: ECONNRESET', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const receiving = rig.recv(slot);
      await turns(3);
      raw.resetAndDestroy();
      assert.equal((await receiving).result, -ECONNRESET);
    });
  });

  row('a reset before anybody asks: ECONNRESET', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      raw.resetAndDestroy();
      await later(20);
      assert.equal((await rig.recv(slot)).result, -ECONNRESET);
    });
  });

  row('readable completes with 0 when bytes come, and consumes none', [], async (rig) => {
    const [a, b] = await rig.pair();
    const waiting = rig.readable(b);
    await turns(3);
    rig.send(a, pattern(5));
    assert.equal((await waiting).result, 0);
    for (let i = 0; i < 3; i++) assert.equal((await rig.readable(b)).result, 0);
    sameBytes(await rig.receive(b, 5), pattern(5));
  });

  row('readable completes with 0 at the end of the stream', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const waiting = rig.readable(slot);
      raw.end();
      assert.equal((await waiting).result, 0);
      assert.equal((await rig.readable(slot)).result, 0);
      assert.equal((await rig.recv(slot)).result, 0);
    });
  });

  row(
    'readable completes with 0 at a reset, before or after it, and the error is still told',
    ['sockets'],
    async (rig) => {
      for (const early of [true, false]) {
        await withRawPeers(rig, async (slot, raw) => {
          const waiting = early ? rig.readable(slot) : null;
          await turns(2);
          raw.resetAndDestroy();
          await later(20);
          assert.equal((await (waiting ?? rig.readable(slot))).result, 0);
          assert.equal((await rig.recv(slot)).result, -ECONNRESET, early ? 'readable first' : 'reset first');
        });
      }
    },
  );

  row('a cancelled receive loses no byte', [], async (rig) => {
    const [a, b] = await rig.pair();
    const parts: Uint8Array[] = [];
    let total = 0;
    for (let i = 0; i < 100; i++) {
      const receiving = rig.recv(b, 100);
      rig.send(a, streamBytes(3, i * 50, (i + 1) * 50));
      await turns(i % 4);
      const waits = () =>
        rig.checked.unfinished.some((text) => text.startsWith(`slot ${b}:`) && text.includes('recv'));
      if (waits()) rig.driver.cancel(b, OP_RECV);
      let { result, bytes } = await receiving;
      for (;;) {
        if (result < 0) assert.equal(result, -ECANCELED);
        parts.push(bytes);
        total += bytes.length;
        if (rig.arrived(OP_RECV, b) === 0 && !rig.goesOn(OP_RECV, b)) break;
        ({ result, bytes } = await rig.recv(b));
      }
    }
    if (total < 5000) parts.push(await rig.receive(b, 5000 - total));
    sameBytes(new Uint8Array(Buffer.concat(parts)), streamBytes(3, 0, 5000));
  });

  row('a receive that is begun again in every turn and cancelled: each completes once', [], async (rig) => {
    const [, b] = await rig.pair();
    for (let i = 0; i < 50; i++) {
      const receiving = rig.recv(b);
      if (i % 2 === 1) await turns(1);
      rig.driver.cancel(b, OP_RECV);
      // A second time is no second completion.
      rig.driver.cancel(b, OP_RECV);
      assert.equal((await receiving).result, -ECANCELED);
    }
    await turns(3);
    assert.equal(rig.arrived(OP_RECV, b), 0);
  });

  row('many become readable at once: nobody is forgotten', [], async (rig) => {
    const count = Math.min(60, Math.floor((rig.driver.slotCount - 4) / 2));
    const pairs: [number, number][] = [];
    for (let i = 0; i < Math.min(count, 28); i++) pairs.push(await rig.pair());
    for (let round = 0; round < 4; round++) {
      const received = pairs.map(([, b]) => rig.receive(b, 5000));
      await turns(1);
      for (const [i, [a]] of pairs.entries()) rig.send(a, pattern(5000, i + 1));
      for (const [i, bytes] of (await Promise.all(received)).entries())
        sameBytes(bytes, pattern(5000, i + 1));
    }
  });

  row(
    'multishot: further completions follow without a new call, until it is cancelled',
    ['multishot'],
    async (rig) => {
      const [a, b] = await rig.pair();
      let followed = 0;
      for (let i = 0, total = 0; i < 50; i++) {
        rig.send(a, streamBytes(4, i * 100, (i + 1) * 100));
        while (total < (i + 1) * 100) {
          const { result, bytes, more } = await rig.recv(b);
          assert.ok(result > 0);
          sameBytes(bytes, streamBytes(4, total, total + result));
          total += result;
          if (more) followed++;
        }
      }
      assert.ok(followed > 0, 'none announced another one');
    },
  );
};
