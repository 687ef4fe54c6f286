import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as nodeConnect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { OP_ACCEPT, OP_RECV, OP_STREAM } from '#dist/poll/driver.js';
import { pattern, sameBytes } from '../bytes.ts';
import { turns } from '../waiting.ts';
import { written } from './raw.ts';
import type { Completion, Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { EAGAIN, ECONNRESET } = constants.errno;

/** A socket of Node's that waits in the backlog of a listener. */
async function waitingAt(rig: Rig, listener: number, host = '127.0.0.1'): Promise<Socket> {
  const raw = nodeConnect({ host, port: rig.port(listener), allowHalfOpen: true });
  raw.on('error', () => {});
  raw.pause();
  await once(raw, 'connect');
  return raw;
}

/** Runs `check` with a listener at which somebody waits who has written `bytes`. */
async function withVisitor(
  rig: Rig,
  bytes: Uint8Array,
  check: (listener: number, raw: Socket) => Promise<void>,
): Promise<void> {
  const listener = await rig.listen();
  const raw = await waitingAt(rig, listener);
  try {
    if (bytes.length > 0) await written(raw, bytes);
    await check(listener, raw);
  } finally {
    raw.destroy();
  }
}

/** Accepts, and calls `first` within the completion, as whoever gets the connection would. */
async function acceptWith(rig: Rig, listener: number, first: (slot: number) => void): Promise<number> {
  const before = rig.onComplete;
  rig.onComplete = (completion: Completion) => {
    if (completion.op === OP_ACCEPT && completion.result >= 0) first(completion.result);
  };
  try {
    return await rig.accept(listener);
  } finally {
    rig.onComplete = before;
  }
}

const NOTHING = new Uint8Array(0);

/** Connections that have just been accepted: what was there before them, and what comes right behind. */
export const newcomers: Rows = (row) => {
  row('what was sent before anybody accepted is received, and what comes later', ['sockets'], async (rig) => {
    await withVisitor(rig, pattern(100, 1), async (listener, raw) => {
      const slot = await rig.accept(listener);
      sameBytes(await rig.receive(slot, 100), pattern(100, 1));
      const more = rig.receive(slot, 100);
      await turns(3);
      await written(raw, pattern(100, 2));
      sameBytes(await more, pattern(100, 2));
    });
  });

  row('who looks at once may find it without waiting', ['sockets', 'direct'], async (rig) => {
    await withVisitor(rig, pattern(100), async (listener) => {
      const p = new Uint8Array(200);
      let count = 0;
      const slot = await acceptWith(rig, listener, (accepted) => {
        if (rig.driver.mayBeReadable(accepted)) count = rig.driver.tryReceiveInto(accepted, p, 0, 200);
      });
      if (count === -EAGAIN || count === 0) p.set(await rig.receive(slot, 100));
      sameBytes(p.subarray(0, 100), pattern(100));
    });
  });

  row('who has looked and found nothing is told of what comes', ['sockets'], async (rig) => {
    await withVisitor(rig, NOTHING, async (listener, raw) => {
      const slot = await acceptWith(rig, listener, (accepted) => {
        assert.equal(rig.driver.tryReceive(accepted, 100), -EAGAIN);
        rig.driver.recv(accepted, 4096);
      });
      await turns(3);
      await written(raw, pattern(100));
      sameBytes((await rig.next(OP_RECV, slot)).bytes, pattern(100));
    });
  });

  row('a stream is told of it once, and of what comes later', ['sockets'], async (rig) => {
    await withVisitor(rig, pattern(100, 1), async (listener, raw) => {
      const slot = await acceptWith(rig, listener, (accepted) => rig.driver.stream(accepted, 4096));
      sameBytes((await rig.next(OP_STREAM, slot)).bytes, pattern(100, 1));
      await turns(3);
      assert.equal(rig.arrived(OP_STREAM, slot), 0);
      await written(raw, pattern(100, 2));
      sameBytes((await rig.next(OP_STREAM, slot)).bytes, pattern(100, 2));
    });
  });

  row('more than one receive takes: nothing is forgotten', ['sockets'], async (rig) => {
    await withVisitor(rig, pattern(200_000), async (listener) => {
      const slot = await rig.accept(listener);
      sameBytes(await rig.receive(slot, 200_000), pattern(200_000));
    });
  });

  row('its end stands behind its bytes', ['sockets'], async (rig) => {
    await withVisitor(rig, NOTHING, async (listener, raw) => {
      raw.end(pattern(100));
      await once(raw, 'finish');
      const slot = await rig.accept(listener);
      sameBytes(await rig.receive(slot, 100), pattern(100));
      assert.equal((await rig.recv(slot)).result, 0);
    });
  });

  row('reset before anybody accepted: told to who receives', ['sockets'], async (rig) => {
    await withVisitor(rig, NOTHING, async (listener, raw) => {
      raw.resetAndDestroy();
      await once(raw, 'close');
      const slot = await rig.accept(listener);
      // A driver that lets the system accept first may find it gone.
      if (slot >= 0) assert.ok([-ECONNRESET, 0].includes((await rig.recv(slot)).result));
    });
  });

  row('closed at once: the next owners of its slot are told of theirs', ['sockets'], async (rig) => {
    const listener = await rig.listen();
    const other = await rig.listen();
    const port = rig.port(other);
    for (let i = 1; i <= 20; i++) {
      const raw = await waitingAt(rig, listener);
      await written(raw, pattern(50));
      let connecting: Promise<number> | null = null;
      await acceptWith(rig, listener, (accepted) => {
        rig.driver.close(accepted);
        // Behind the close, and before the driver has its turn.
        connecting = Promise.resolve().then(() => rig.connect(port));
      });
      const slot = await connecting!;
      const peer = await rig.accept(other);
      rig.driver.stream(slot, 4096);
      rig.send(peer, pattern(100, i));
      sameBytes((await rig.next(OP_STREAM, slot)).bytes, pattern(100, i));
      await Promise.all([rig.close(slot), rig.close(peer)]);
      raw.destroy();
    }
  });

  row('assigned to another set at once', ['sockets'], async (rig) => {
    const sets = rig.driver.pollers(2);
    await withVisitor(rig, pattern(100, 1), async (listener, raw) => {
      const slot = await acceptWith(rig, listener, (accepted) => {
        assert.equal(rig.driver.assign(accepted, sets - 1), 0);
        rig.driver.stream(accepted, 4096);
      });
      sameBytes((await rig.next(OP_STREAM, slot)).bytes, pattern(100, 1));
      await written(raw, pattern(100, 2));
      sameBytes((await rig.next(OP_STREAM, slot)).bytes, pattern(100, 2));
    });
  });

  row('its peer as a number says what its address does', ['sockets'], async (rig) => {
    for (const [bound, host] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::', '127.0.0.1'],
    ] as const) {
      const listener = await rig.listen(bound);
      if (listener < 0) continue;
      const raw = await waitingAt(rig, listener, host);
      const slot = await rig.accept(listener);
      const peer = rig.driver.peerNumber?.(slot) ?? -1;
      if (peer >= 0) {
        assert.equal(peer % 65_536, raw.localPort);
        assert.equal(Math.floor(peer / 65_536), 0x7f00_0001);
      } else {
        assert.notEqual(rig.driver.name, 'epoll');
      }
      raw.destroy();
    }
  });
};
