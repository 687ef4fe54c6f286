import assert from 'node:assert/strict';
import { closeSync, existsSync, lstatSync, openSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { sameBytes } from '../bytes.ts';
import { socketPath } from '../pair.ts';
import { streamBytes } from '../stream.ts';
import { until } from '../waiting.ts';
import type { Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { EADDRINUSE, EAGAIN, ECONNREFUSED, ENOENT } = constants.errno;

async function unixPair(rig: Rig, packets = false): Promise<[a: number, b: number, path: string]> {
  const path = socketPath();
  const listener = await rig.listenUnix(path, { packets });
  const [a, b] = await Promise.all([rig.connectUnix(path, packets), rig.accept(listener)]);
  assert.ok(a >= 0 && b >= 0, `a pair: ${a} ${b}`);
  await rig.close(listener);
  rmSync(path, { force: true });
  return [a, b, path];
}

/** What `attempt` gives once it does not have to wait any more. */
async function soon(attempt: () => number): Promise<number> {
  let result = -EAGAIN;
  await until(() => {
    result = attempt();
    return result !== -EAGAIN;
  }, 'an answer');
  return result;
}

export const unix: Rows = (row) => {
  row('Unix: listen, connect, accept, names, bytes both ways, the end', ['sockets', 'unix'], async (rig) => {
    const path = socketPath();
    const listener = await rig.listenUnix(path);
    assert.equal(rig.driver.unix!.nameOf(listener, 'local'), path);
    const a = await rig.connectUnix(path);
    const b = await rig.accept(listener);
    assert.equal(rig.driver.unix!.nameOf(a, 'remote'), path);
    assert.ok(!rig.driver.unix!.nameOf(b, 'remote'));
    assert.equal(rig.driver.unix!.isPackets(a), false);
    const sent = streamBytes(1, 0, 300_000);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const receiving = rig.receive(to, sent.length);
      for (let at = 0; at < sent.length; at += 30_000) {
        rig.send(from, sent.subarray(at, at + 30_000));
        await rig.drain(from);
      }
      sameBytes(await receiving, sent);
    }
    await rig.shutdown(a, 'write');
    assert.equal((await rig.recv(b)).result, 0);
    await rig.close(listener);
    rmSync(path, { force: true });
  });

  row('Unix: a name that is taken, one that nobody has', ['sockets', 'unix'], async (rig) => {
    const path = socketPath();
    assert.equal(await rig.connectUnix(path), -ENOENT);
    const listener = await rig.listenUnix(path);
    assert.equal(await rig.listenUnix(path), -EADDRINUSE);
    await rig.close(listener);
    assert.ok(existsSync(path), 'the path is the caller’s');
    assert.equal(await rig.connectUnix(path), -ECONNREFUSED);
    assert.equal(await rig.listenUnix(path), -EADDRINUSE);
    rmSync(path);
  });

  row('Unix: the mode is exact', ['sockets', 'unix'], async (rig) => {
    for (const mode of [0o600, 0o666, 0o777]) {
      const path = socketPath();
      await rig.listenUnix(path, { mode });
      assert.equal(lstatSync(path).mode & 0o777, mode);
      rmSync(path);
    }
  });

  row('Unix: close while a listen or a connect is under way', ['sockets', 'unix'], async (rig) => {
    const path = socketPath();
    for (let i = 0; i < 20; i++) {
      const listener = rig.opened(rig.driver.unix!.listen(path, { packets: false, backlog: 5, mode: -1 }));
      if (listener >= 0) await rig.close(listener);
      rmSync(path, { force: true });
    }
    const listener = await rig.listenUnix(path);
    for (let i = 0; i < 20; i++) {
      const slot = rig.opened(rig.driver.unix!.connect(path, false, null));
      await rig.close(slot);
    }
    await rig.close(listener);
    rmSync(path, { force: true });
  });

  row(
    'packets: bounds in both directions, also behind a short receive',
    ['sockets', 'unixpacket'],
    async (rig) => {
      const [a, b] = await unixPair(rig, true);
      assert.ok(rig.driver.unix!.isPackets(a) && rig.driver.unix!.isPackets(b));
      const sizes = [10, 3000, 1, 0, 20_000, 7];
      const p = new Uint8Array(30_000);
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        for (const size of sizes)
          assert.equal(rig.driver.trySend(from, streamBytes(1, 0, size), 0, size), size);
        for (const size of sizes)
          assert.equal(await soon(() => rig.driver.tryReceiveInto(to, p, 0, p.length)), size);
        assert.equal(rig.driver.tryReceiveInto(to, p, 0, p.length), -EAGAIN);
        const readable = rig.readable(to);
        rig.driver.trySend(from, p, 0, 50);
        rig.driver.trySend(from, p, 0, 60);
        assert.equal((await readable).result, 0);
        assert.equal(rig.driver.tryReceiveInto(to, p, 0, 20), 20);
        assert.ok(rig.driver.mayBeReadable(to), 'a short receive says nothing about the next message');
        assert.equal(rig.driver.tryReceiveInto(to, p, 0, p.length), 60);
      }
    },
  );

  row(
    'packets: a full peer is EAGAIN for the whole message, then writable',
    ['sockets', 'unixpacket'],
    async (rig) => {
      const [a, b] = await unixPair(rig, true);
      const p = new Uint8Array(10_000);
      let sent = 0;
      while (rig.driver.trySend(a, p, 0, p.length) === p.length) sent++;
      const writable = rig.writable(a);
      for (let i = 0; i < sent; i++)
        assert.equal(await soon(() => rig.driver.tryReceiveInto(b, p, 0, p.length)), p.length);
      assert.equal((await writable).result, 0);
      assert.equal(rig.driver.trySend(a, p, 0, p.length), p.length);
    },
  );

  row('credentials are those of the process', ['sockets', 'peerCredentials'], async (rig) => {
    const [a, b] = await unixPair(rig);
    const mine = { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() };
    assert.deepEqual(rig.driver.unix!.credentials(a), mine);
    assert.deepEqual(rig.driver.unix!.credentials(b), mine);
  });

  row('connect from a name of its own', ['sockets', 'unixLocalAddress'], async (rig) => {
    const [path, own] = [socketPath(), socketPath()];
    const listener = await rig.listenUnix(path);
    const a = await rig.connectUnix(path, false, own);
    const b = await rig.accept(listener);
    assert.equal(rig.driver.unix!.nameOf(a, 'local'), own);
    assert.equal(rig.driver.unix!.nameOf(b, 'remote'), own);
    assert.equal(await rig.connectUnix(path, false, own), -EADDRINUSE);
    for (const each of [path, own]) rmSync(each);
  });

  row('inherit: what is no listening socket is refused', ['sockets', 'inherit'], async (rig) => {
    for (const descriptor of [99_999, 0, openSync('/dev/null', 'r')]) {
      const result = await rig.inherit(descriptor);
      assert.ok(result < 0, `${descriptor}: ${result}`);
      if (descriptor > 0 && descriptor < 99_999) closeSync(descriptor);
    }
  });
};
