import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import {
  OP_ACCEPT,
  OP_CLOSE,
  OP_DRAIN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_WRITABLE,
} from '#dist/poll/driver.js';
import { pattern, sameBytes } from '../bytes.ts';
import { openSockets, socketsBackAt } from '../descriptors.ts';
import { turns } from '../waiting.ts';
import { fill, fillDirectly, withRawPeers, written } from './raw.ts';
import type { Rows } from './subject.ts';

const { ECANCELED } = constants.errno;

/** Resolves when the raw end has seen the end of the stream. */
function ended(raw: Socket): Promise<unknown> {
  const end = once(raw, 'end');
  raw.resume();
  return end;
}

export const closing: Rows = (row) => {
  row(
    'shutdown write: the peer sees the end behind the last byte, the other direction lives',
    ['sockets'],
    async (rig) => {
      await withRawPeers(rig, async (slot, raw) => {
        rig.send(slot, pattern(1000));
        assert.equal((await rig.drain(slot)).result, 0);
        assert.equal((await rig.shutdown(slot, 'write')).result, 0);
        const parts: Buffer[] = [];
        raw.on('data', (part) => parts.push(part));
        await ended(raw);
        sameBytes(new Uint8Array(Buffer.concat(parts)), pattern(1000));
        for (let i = 1; i <= 3; i++) {
          await written(raw, pattern(500, i));
          sameBytes(await rig.receive(slot, 500), pattern(500, i));
        }
      });
    },
  );

  row('shutdown write while a receive waits: the receive goes on waiting', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const receiving = rig.recv(slot);
      assert.equal((await rig.shutdown(slot, 'write')).result, 0);
      await ended(raw);
      assert.equal(rig.arrived(OP_RECV, slot), 0);
      await written(raw, 'answer');
      assert.equal(Buffer.from((await receiving).bytes).toString(), 'answer');
    });
  });

  row('the peer has ended: sending goes on', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      raw.end();
      assert.equal((await rig.recv(slot)).result, 0);
      rig.send(slot, pattern(2000));
      assert.equal((await rig.drain(slot)).result, 0);
      assert.equal((await rig.shutdown(slot, 'write')).result, 0);
      const parts: Buffer[] = [];
      raw.on('data', (part) => parts.push(part));
      await ended(raw);
      sameBytes(new Uint8Array(Buffer.concat(parts)), pattern(2000));
    });
  });

  row(
    'shutdown read: a waiting receive completes with 0, the other direction lives',
    ['sockets', 'closeRead'],
    async (rig) => {
      await withRawPeers(rig, async (slot, raw) => {
        const receiving = rig.recv(slot);
        await turns(2);
        assert.equal((await rig.shutdown(slot, 'read')).result, 0);
        assert.equal((await receiving).result, 0);
        assert.equal((await rig.recv(slot)).result, 0);
        rig.send(slot, pattern(100));
        const [part] = (await Promise.all([once(raw, 'data'), raw.resume()]))[0] as [Buffer];
        sameBytes(new Uint8Array(part), pattern(100));
      });
    },
  );

  row('both directions shut down at once: two completions', ['sockets', 'closeRead'], async (rig) => {
    await withRawPeers(rig, async (slot) => {
      rig.driver.shutdown(slot, 'write');
      rig.driver.shutdown(slot, 'read');
      assert.equal((await rig.next(OP_SHUTDOWN, slot)).result, 0);
      assert.equal((await rig.next(OP_SHUTDOWN, slot)).result, 0);
    });
  });

  row(
    'close: everything in flight completes once, close last, and the peer sees the end',
    [],
    async (rig) => {
      for (let round = 0; round < 6; round++) {
        const [a, b] = await rig.pair();
        const order: number[] = [];
        rig.onComplete = ({ op, slot }) => {
          if (slot === a) order.push(op);
        };
        const inbound = round % 2 === 0 ? OP_RECV : OP_READABLE;
        const outbound = rig.has('direct') && round % 3 === 0 ? OP_WRITABLE : OP_DRAIN;
        const staged = await (outbound === OP_DRAIN ? fill(rig, a) : fillDirectly(rig, a));
        const waiting = [
          inbound === OP_RECV ? rig.recv(a) : rig.readable(a),
          outbound === OP_DRAIN ? rig.drain(a) : rig.writable(a),
        ];
        if (round >= 2) await turns(round - 2);
        const closed = rig.close(a);
        for (const { result } of await Promise.all(waiting)) assert.equal(result, -ECANCELED);
        assert.equal((await closed).result, 0);
        assert.deepEqual(order.slice(-3).sort(), [inbound, outbound, OP_CLOSE].sort());
        assert.equal(order.at(-1), OP_CLOSE);
        let received = 0;
        for (let last = 1; last > 0; received += last) last = Math.max(0, (await rig.recv(b, 65_536)).result);
        assert.ok(received <= staged);
        rig.onComplete = null;
        await rig.close(b);
      }
    },
  );

  row('close in the turn in which it was opened, begun on, cancelled', [], async (rig) => {
    for (let i = 0; i < 20; i++) {
      const [a, b] = await rig.pair();
      const receiving = rig.recv(a);
      if (i % 2 === 0) rig.driver.cancel(a, OP_RECV);
      if (i % 3 === 0) rig.send(b, pattern(10));
      const [completion, closed] = await Promise.all([receiving, rig.close(a)]);
      assert.ok(completion.result === -ECANCELED || completion.result > 0);
      assert.equal(closed.result, 0);
      await rig.close(b);
    }
  });

  row('shutdown and close in one turn: both complete, close last', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const order: number[] = [];
      rig.onComplete = ({ op, slot: of }) => {
        if (of === slot) order.push(op);
      };
      const shut = rig.shutdown(slot, 'write');
      const closed = rig.close(slot);
      const { result } = await shut;
      assert.ok(result === 0 || result === -ECANCELED, String(result));
      assert.equal((await closed).result, 0);
      assert.deepEqual(order, [OP_SHUTDOWN, OP_CLOSE]);
      await ended(raw);
    });
  });

  row(
    'close of a listener: a waiting accept completes first; nobody can connect any more',
    ['sockets'],
    async (rig) => {
      const listener = await rig.listen();
      const port = rig.port(listener);
      const accepting = rig.accept(listener);
      await turns(1);
      const closed = rig.close(listener);
      assert.equal(await accepting, -ECANCELED);
      assert.equal((await closed).result, 0);
      assert.ok((await rig.connect(port)) < 0);
    },
  );

  row(
    'close of a listener with connections in its backlog: their peers see an end',
    ['sockets'],
    async (rig) => {
      const listener = await rig.listen();
      const slots = await Promise.all([1, 2, 3].map(() => rig.connect(rig.port(listener))));
      await rig.close(listener);
      for (const slot of slots) assert.ok((await rig.recv(slot)).result <= 0);
    },
  );

  row('after its close completion the descriptor is really closed', ['sockets'], async (rig) => {
    const before = openSockets();
    for (let round = 0; round < 5; round++) {
      const slots: number[] = [];
      for (let i = 0; i < 10; i++) slots.push(...(await rig.pair()));
      await Promise.all(slots.map((slot) => rig.close(slot)));
    }
    await socketsBackAt(before);
  });

  row("what a slot was asked for is never its next owner's", ['sockets'], async (rig) => {
    for (let i = 0; i < 30; i++) {
      const [a, b] = await rig.pair();
      rig.driver.recv(a, 100);
      rig.driver.drain(a, 0);
      rig.send(a, pattern(10));
      await Promise.all([rig.close(a), rig.close(b)]);
      // Most likely the same slots: what completes now for the old ones is a violation that `end` finds.
      const [c, d] = await rig.pair();
      rig.send(c, pattern(4, i + 1));
      sameBytes(await rig.receive(d, 4), pattern(4, i + 1));
      assert.equal(rig.arrived(OP_RECV, c), 0);
      assert.equal(rig.arrived(OP_ACCEPT, c), 0);
      await Promise.all([rig.close(c), rig.close(d)]);
    }
  });
};
