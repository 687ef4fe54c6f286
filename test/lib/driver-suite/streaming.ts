import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { setTimeout as later } from 'node:timers/promises';
import { OP_FETCH, OP_STREAM } from '#dist/poll/driver.js';
import { pattern, sameBytes } from '../bytes.ts';
import { streamBytes } from '../stream.ts';
import { turns, until } from '../waiting.ts';
import { withRawPeers, written } from './raw.ts';
import type { Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { ECONNRESET } = constants.errno;

/** What the stream of a slot brings, until `count` bytes are there. */
async function streamed(rig: Rig, slot: number, count: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let total = 0; total < count; ) {
    const { result, bytes, more } = await rig.next(OP_STREAM, slot);
    assert.ok(result > 0 && more, `bytes, not ${result}`);
    parts.push(bytes);
    total += result;
  }
  return new Uint8Array(Buffer.concat(parts));
}

export const streaming: Rows = (row) => {
  row('whatever arrives is told, without a call between', [], async (rig) => {
    const [a, b] = await rig.pair();
    rig.driver.stream(b, 4096);
    for (let i = 1; i <= 5; i++) {
      rig.send(a, pattern(100, i));
      sameBytes(await streamed(rig, b, 100), pattern(100, i));
    }
  });

  row('switched on when the bytes are there already', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      await written(raw, pattern(500));
      await later(20);
      rig.driver.stream(slot, 4096);
      sameBytes(await streamed(rig, slot, 500), pattern(500));
    });
  });

  row('off: nothing is received; on again: everything comes, in order', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      rig.driver.stream(slot, 4096);
      await written(raw, pattern(100, 1));
      sameBytes(await streamed(rig, slot, 100), pattern(100, 1));
      rig.driver.stream(slot, 0);
      await written(raw, pattern(100, 2));
      await later(30);
      assert.equal(rig.arrived(OP_STREAM, slot), 0);
      rig.driver.stream(slot, 4096);
      sameBytes(await streamed(rig, slot, 100), pattern(100, 2));
    });
  });

  row('off and on again in one go changes nothing', [], async (rig) => {
    const [a, b] = await rig.pair();
    for (let i = 1; i <= 20; i++) {
      rig.driver.stream(b, 4096);
      rig.send(a, pattern(100, i));
      await turns(i % 4);
      rig.driver.stream(b, 0);
      rig.driver.stream(b, 4096);
      sameBytes(await streamed(rig, b, 100), pattern(100, i));
      rig.driver.stream(b, 0);
    }
  });

  row('fetched: told that something is there, again while something is left', ['direct'], async (rig) => {
    const [a, b] = await rig.pair();
    const most = 300_000;
    const p = new Uint8Array(50_000);
    const parts: Uint8Array[] = [];
    let total = 0;
    rig.onComplete = ({ op, slot }) => {
      if (op !== OP_FETCH || slot !== b) return;
      // Now and then it does not feel like it.
      if (parts.length % 5 === 4 && Math.random() < 0.5) return;
      const count = rig.driver.tryReceiveInto(b, p, 0, p.length);
      if (count < 0) return;
      parts.push(p.slice(0, count));
      total += count;
    };
    rig.driver.stream(b, -1);
    for (let sent = 0; sent < most; sent += 10_000) {
      rig.send(a, streamBytes(1, sent, sent + 10_000));
      if (rig.driver.outboundLength(a) > 50_000) await rig.drain(a, 20_000);
    }
    await until(() => total >= most, 'all bytes', 20_000);
    rig.driver.stream(b, 0);
    sameBytes(new Uint8Array(Buffer.concat(parts)), streamBytes(1, 0, most));
  });

  for (const wanted of [100, 16_384]) {
    row(`many bytes in order, ${wanted} wanted at a time`, [], async (rig) => {
      const [a, b] = await rig.pair();
      const most = 400_000;
      const parts: Uint8Array[] = [];
      let total = 0;
      let paused = false;
      rig.onComplete = ({ op, slot, bytes }) => {
        if (op !== OP_STREAM || slot !== b) return;
        parts.push(bytes);
        total += bytes.length;
        // Now and then its receiver has enough.
        if (parts.length % 7 !== 0 || paused) return;
        paused = true;
        rig.driver.stream(b, 0);
        setImmediate(() => {
          paused = false;
          rig.driver.stream(b, wanted);
        });
      };
      rig.driver.stream(b, wanted);
      for (let sent = 0; sent < most; sent += 10_000) {
        rig.send(a, streamBytes(1, sent, sent + 10_000));
        if (rig.driver.outboundLength(a) > 50_000) await rig.drain(a, 20_000);
      }
      await until(() => total >= most && !paused, 'all bytes', 20_000);
      sameBytes(new Uint8Array(Buffer.concat(parts)), streamBytes(1, 0, most));
    });
  }

  row('a sender without end leaves the others their turn', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (loud, raw) => {
      await withRawPeers(rig, async (quiet, other) => {
        rig.driver.stream(loud, 4096);
        rig.driver.stream(quiet, 4096);
        let flooding = true;
        const flood = () => {
          while (flooding && raw.write(pattern(65_536)));
          if (flooding) raw.once('drain', flood);
        };
        flood();
        try {
          for (let i = 1; i <= 10; i++) {
            await written(other, pattern(50, i));
            sameBytes(await streamed(rig, quiet, 50), pattern(50, i));
          }
          assert.ok(rig.arrived(OP_STREAM, loud) > 0, 'and the loud one is heard, too');
        } finally {
          flooding = false;
        }
      });
    });
  });

  row('the last bytes, then the end, once; on again: the end again', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      rig.driver.stream(slot, 4096);
      raw.end('last words');
      assert.equal(Buffer.from(await streamed(rig, slot, 10)).toString(), 'last words');
      for (let i = 0; i < 2; i++) {
        const { result, more } = await rig.next(OP_STREAM, slot);
        assert.deepEqual([result, more], [0, false]);
        await later(10);
        assert.equal(rig.arrived(OP_STREAM, slot), 0);
        rig.driver.stream(slot, 4096);
      }
    });
  });

  row('a reset: its errno, and the stream is off', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      rig.driver.stream(slot, 4096);
      await turns(3);
      raw.resetAndDestroy();
      const { result, more } = await rig.next(OP_STREAM, slot);
      assert.deepEqual([result, more], [-ECONNRESET, false]);
    });
  });

  row('closing ends it without a word, also inside its own completion', [], async (rig) => {
    const [a, b] = await rig.pair();
    rig.onComplete = ({ op, slot }) => {
      if (op === OP_STREAM && slot === b) void rig.close(b);
    };
    rig.driver.stream(b, 4096);
    rig.send(a, pattern(10_000));
    await until(() => !rig.open.has(b), 'the slot to be closed');
  });

  row('an operation after the stream was switched off', [], async (rig) => {
    const [a, b] = await rig.pair();
    rig.driver.stream(b, 4096);
    rig.send(a, pattern(100));
    sameBytes(await streamed(rig, b, 100), pattern(100));
    rig.driver.stream(b, 0);
    rig.send(a, pattern(100, 2));
    sameBytes(await rig.receive(b, 100), pattern(100, 2));
  });

  row('poller sets: a slot that moves to and fro loses nothing', [], async (rig) => {
    const [a, b] = await rig.pair();
    const sets = rig.driver.pollers(3);
    assert.ok(sets >= 1);
    assert.equal(rig.driver.pollers(1), sets, 'never fewer than before');
    rig.driver.stream(b, 4096);
    for (let i = 1; i <= 20; i++) {
      if (i % 3 === 0) rig.send(a, pattern(100, i));
      assert.equal(rig.driver.assign(b, i % sets), 0);
      if (i % 3 !== 0) rig.send(a, pattern(100, i));
      sameBytes(await streamed(rig, b, 100), pattern(100, i));
    }
    assert.ok(rig.driver.assign(b, sets) < 0 || rig.driver.name === 'fake', 'there is no such set');
  });
};
