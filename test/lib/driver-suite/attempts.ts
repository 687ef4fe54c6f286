import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { OP_RECV } from '#dist/poll/driver.js';
import { concat, pattern, sameBytes } from '../bytes.ts';
import { streamBytes } from '../stream.ts';
import { turns, until } from '../waiting.ts';
import { withRawPeers, written } from './raw.ts';
import type { Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { EAGAIN, ECONNRESET, EPIPE } = constants.errno;

/** Receives `count` bytes by attempts, and parks where the driver has no answer. */
async function receiveByAttempts(
  rig: Rig,
  slot: number,
  count: number,
  direct: boolean,
): Promise<Uint8Array> {
  const { driver } = rig;
  const parts: Uint8Array[] = [];
  for (let total = 0, i = 0; total < count; i++) {
    const most = [1, 100, 4096][i % 3]!;
    let bytes: Uint8Array = new Uint8Array(0);
    let received = -EAGAIN;
    if (!rig.mayAttempt(slot)) {
      // A multishot receive is in flight: it has the turn.
    } else if (direct) {
      const p = new Uint8Array(most + 20).fill(0xee);
      received = driver.tryReceiveInto(slot, p, 10, 10 + most);
      const touched = Math.max(0, received);
      assert.ok(
        p.subarray(0, 10).every((byte) => byte === 0xee),
        'before what was lent',
      );
      assert.ok(
        p.subarray(10 + touched).every((byte) => byte === 0xee),
        'behind what was received',
      );
      bytes = p.subarray(10, 10 + touched);
    } else {
      received = driver.tryReceive(slot, most);
      bytes = new Uint8Array(
        driver.slab.subarray(driver.receivedAt, driver.receivedAt + Math.max(0, received)),
      );
    }
    assert.ok(received <= most, `${received} of at most ${most}`);
    if (received === -EAGAIN) {
      const completion = await rig.recv(slot, most);
      received = completion.result;
      bytes = completion.bytes;
    }
    assert.ok(received > 0, String(received));
    parts.push(bytes);
    total += received;
  }
  return concat(parts);
}

export const attempts: Rows = (row) => {
  row(
    'nothing there: tryReceive, tryReceiveInto, tryAccept, peek answer -EAGAIN',
    ['sockets'],
    async (rig) => {
      const listener = await rig.listen();
      const [a] = await rig.pair();
      const { driver } = rig;
      for (let i = 0; i < 3; i++) {
        assert.equal(driver.tryReceive(a, 100), -EAGAIN);
        assert.equal(driver.tryReceiveInto(a, new Uint8Array(10), 0, 10), -EAGAIN);
        assert.equal(driver.peek(a), -EAGAIN);
        assert.equal(driver.tryAccept(listener), -EAGAIN);
        await turns(i);
      }
    },
  );

  for (const direct of [false, true]) {
    const name = direct ? 'tryReceiveInto' : 'tryReceive';
    row(`${name} beside parking: all bytes in order, at most what was asked for`, [], async (rig) => {
      const [a, b] = await rig.pair();
      for (let i = 0; i < 4; i++) rig.send(a, streamBytes(1, i * 5000, (i + 1) * 5000));
      await turns(4);
      sameBytes(await receiveByAttempts(rig, b, 20_000, direct), streamBytes(1, 0, 20_000));
    });
  }

  row('0 at the end of the stream, from every attempt that answers', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      raw.end();
      assert.equal((await rig.recv(slot)).result, 0);
      const { driver } = rig;
      const p = new Uint8Array(4);
      for (const result of [
        driver.peek(slot),
        driver.tryReceive(slot, 4),
        driver.tryReceiveInto(slot, p, 0, 4),
      ]) {
        assert.ok(result === 0 || result === -EAGAIN, String(result));
      }
    });
  });

  row('peek and mayBeReadable: bytes that wait show, and nothing is consumed', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      await written(raw, 'abc');
      assert.equal((await rig.readable(slot)).result, 0);
      for (let i = 0; i < 3; i++) {
        assert.equal(rig.driver.mayBeReadable(slot), true);
        const peeked = rig.driver.peek(slot);
        assert.ok(peeked === 1 || peeked === -EAGAIN, String(peeked));
        await turns(1);
      }
      assert.equal(Buffer.from(await rig.receive(slot, 3)).toString(), 'abc');
      raw.end();
      assert.equal((await rig.readable(slot)).result, 0);
      for (let i = 0; i < 3; i++) {
        const peeked = rig.driver.peek(slot);
        assert.ok(peeked === 0 || peeked === -EAGAIN, String(peeked));
      }
      assert.equal((await rig.recv(slot)).result, 0);
    });
  });

  row(
    'peek at a reset tells the errno or -EAGAIN, and the next receive tells it, too',
    ['sockets'],
    async (rig) => {
      await withRawPeers(rig, async (slot, raw) => {
        raw.resetAndDestroy();
        await later(20);
        for (let i = 0; i < 3; i++)
          assert.ok([-ECONNRESET, -EAGAIN].includes(rig.driver.peek(slot)), `peek ${i}`);
        assert.equal((await rig.recv(slot)).result, -ECONNRESET);
      });
    },
  );

  row('mayBeReadable is false only when an attempt finds nothing', [], async (rig) => {
    const [a, b] = await rig.pair();
    for (let i = 0; i < 50; i++) {
      rig.send(a, pattern(300, i + 1));
      const parts: Uint8Array[] = [];
      for (let total = 0; total < 300; ) {
        const surely = !rig.driver.mayBeReadable(b);
        const received = rig.mayAttempt(b) ? rig.driver.tryReceive(b, 128) : -EAGAIN;
        if (surely) assert.equal(received, -EAGAIN, 'it said that there was nothing');
        if (received > 0) {
          const { slab, receivedAt } = rig.driver;
          parts.push(new Uint8Array(slab.subarray(receivedAt, receivedAt + received)));
          total += received;
        } else {
          const { bytes, result } = await rig.recv(b);
          assert.ok(result > 0);
          parts.push(bytes);
          total += result;
        }
      }
      sameBytes(concat(parts), pattern(300, i + 1));
    }
  });

  row('tryAccept: a slot or -EAGAIN; nobody twice, nobody lost', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    const slots = await Promise.all(Array.from({ length: 20 }, () => rig.connect(rig.port(listener))));
    const peers = new Set(slots.map((slot) => rig.driver.localAddress(slot)!.port));
    for (let i = 0; i < 20; i++) {
      const tried = rig.driver.tryAccept(listener);
      assert.ok(tried >= 0 || tried === -EAGAIN);
      const slot = tried >= 0 ? rig.opened(tried) : await rig.accept(listener);
      assert.ok(peers.delete(rig.driver.remoteAddress(slot)!.port));
    }
    assert.equal(peers.size, 0);
  });

  row(
    "trySend beside stage: a count or -EAGAIN, in order, and the buffer is the caller's again",
    [],
    async (rig) => {
      const [a, b] = await rig.pair();
      const total = 200_000;
      const received = rig.receive(b, total);
      for (let sent = 0, i = 0; sent < total; i++) {
        const bytes = streamBytes(2, sent, Math.min(total, sent + [10, 20_000, 3000][i % 3]!));
        let count =
          rig.driver.outboundLength(a) === 0 ? rig.driver.trySend(a, bytes, 0, bytes.length) : -EAGAIN;
        assert.ok(count === -EAGAIN || (count > 0 && count <= bytes.length), String(count));
        if (count === -EAGAIN) {
          rig.send(a, bytes);
          count = bytes.length;
        }
        bytes.fill(0xee);
        sent += count;
        if (i % 4 === 0) await rig.drain(a);
      }
      sameBytes(await received, streamBytes(2, 0, total));
    },
  );

  row(
    'trySendVector beside trySend: a count or -EAGAIN, in order, empty buffers among them, from any byte',
    [],
    async (rig) => {
      const [a, b] = await rig.pair();
      const total = 300_000;
      const received = rig.receive(b, total);
      for (let sent = 0, i = 0; sent < total; i++) {
        const bytes = streamBytes(3, sent, Math.min(total, sent + [7, 20_000, 2500][i % 3]!));
        const buffers: Uint8Array[] = [pattern(i % 2)];
        for (let at = 0, size = 0; at < bytes.length; at += size, size = (size * 3 + 1) % 997)
          buffers.push(bytes.slice(at, Math.min(bytes.length, at + size)));
        const from = i % 2;
        const count =
          rig.driver.outboundLength(a) === 0 ? rig.driver.trySendVector(a, buffers, 0, from) : -EAGAIN;
        assert.ok(count === -EAGAIN || (count > 0 && count <= bytes.length), String(count));
        if (count === -EAGAIN) rig.send(a, bytes);
        for (const buffer of buffers) buffer.fill(0xee);
        sent += count === -EAGAIN ? bytes.length : count;
        if (i % 4 === 0) await rig.drain(a);
      }
      sameBytes(await received, streamBytes(3, 0, total));
      const none = rig.driver.trySendVector(a, [new Uint8Array(0)], 0, 0);
      assert.ok(none === 0 || none === -EAGAIN, String(none));
    },
  );

  row(
    'trySendVector: from the middle of a list, no more than the system takes at a time',
    ['direct', 'sockets'],
    async (rig) => {
      const [a, b] = await rig.pair();
      const bytes = pattern(3000);
      const buffers = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
      assert.equal(rig.driver.trySendVector(a, buffers, 0, 0), 1024);
      assert.equal(rig.driver.trySendVector(a, buffers, 1024, 0), 1024);
      assert.equal(rig.driver.trySendVector(a, [bytes, ...buffers], 1, 0), 1024);
      assert.equal(rig.driver.trySendVector(a, buffers, 2990, 1), 9);
      assert.equal(rig.driver.trySendVector(a, buffers, 3000, 0), 0);
      sameBytes(
        await rig.receive(b, 3081),
        concat([bytes.subarray(0, 2048), bytes.subarray(0, 1024), bytes.subarray(2991)]),
      );
    },
  );

  row('trySend to a peer that has reset: an errno or -EAGAIN, never more', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      raw.resetAndDestroy();
      await later(20);
      for (let i = 0; i < 3; i++) {
        const sent = rig.driver.trySend(slot, pattern(10), 0, 10);
        assert.ok([-ECONNRESET, -EPIPE, -EAGAIN].includes(sent), String(sent));
      }
    });
  });

  row('direct: megabytes without a chain', ['direct', 'sockets'], async (rig) => {
    const [a, b] = await rig.pair();
    const total = 4_000_000;
    const sent = pattern(total);
    const p = new Uint8Array(total);
    const sending = (async () => {
      for (let at = 0; at < total; ) {
        const count = rig.driver.trySend(a, sent, at, total);
        if (count > 0) at += count;
        else assert.equal((await rig.writable(a)).result, 0);
      }
    })();
    for (let at = 0; at < total; ) {
      const count = rig.driver.tryReceiveInto(b, p, at, total);
      if (count > 0) at += count;
      else assert.equal((await rig.readable(b)).result, 0);
    }
    await sending;
    sameBytes(p, sent);
  });

  row(
    'sendFile: a full socket says so, and is writable when it has room',
    ['sendFile', 'sockets'],
    async (rig) => {
      const [a, b] = await rig.pair();
      const content = pattern(16 << 20);
      const directory = mkdtempSync(join(tmpdir(), 'gopark-'));
      const file = openSync(join(directory, 'f'), 'w+');
      try {
        writeSync(file, content);
        let sent = 0;
        let full = 0;
        let receiving: Promise<Uint8Array> | null = null;
        for (let ended = false; !ended; ) {
          const [count, errno] = await new Promise<[number, number]>((resolve) => {
            const begun = rig.driver.sendFile!(a, file, sent, 4 << 20, (...result) => resolve(result));
            assert.equal(begun, 0);
          });
          sent += count;
          ended = errno === 0 && count === 0;
          if (errno === EAGAIN) {
            full++;
            receiving ??= rig.receive(b, content.length);
            assert.equal((await rig.writable(a)).result, 0);
          } else {
            assert.equal(errno, 0);
          }
        }
        assert.equal(sent, content.length);
        assert.ok(full > 0);
        sameBytes(await receiving!, content);
        assert.equal((await rig.writable(a)).result, 0, 'nothing is full any more');
      } finally {
        closeSync(file);
        rmSync(directory, { recursive: true });
      }
    },
  );

  row('poll delivers what is ready before it returns', ['poll', 'sockets'], async (rig) => {
    const [a, b] = await rig.pair();
    let received = 0;
    rig.onComplete = ({ op, result }) => {
      if (op === OP_RECV) received += result;
    };
    for (let i = 1; i <= 20; i++) {
      rig.driver.recv(b, 100);
      // A begun receive looks once by itself.
      await turns(1);
      rig.send(a, pattern(10));
      rig.driver.flushNow(a);
      const end = performance.now() + 5000;
      while (received < i * 10 && performance.now() < end) assert.equal(rig.driver.poll(), true);
      assert.equal(received, i * 10);
    }
  });

  row('without the capability, poll says false and changes nothing', [], async (rig) => {
    if (rig.has('poll')) return;
    const [a, b] = await rig.pair();
    rig.send(a, pattern(10));
    for (let i = 0; i < 5; i++) assert.equal(rig.driver.poll(), false);
    sameBytes(await rig.receive(b, 10), pattern(10));
    await until(() => rig.driver.outboundLength(a) === 0, 'the chain to go');
  });
};
