import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { copy, readAll, writeString } from 'gopark/io';
import {
  AddrError,
  ClosedError,
  DeadlineExceededError,
  dial,
  listen,
  OpError,
  UnixAddr,
  type UnixConn,
  UnsupportedError,
} from 'gopark/net';
import { pattern, sameBytes, text } from '../lib/bytes.ts';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { socketPath, tcpPair, unixPairs, withPair } from '../lib/pair.ts';
import { rejection, stillPending, turns } from '../lib/waiting.ts';

/** Runs with a directory of its own. */
async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gopark-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function modeOf(path: string): string {
  return `0o${(lstatSync(path).mode & 0o777).toString(8)}`;
}

describe('Unix listeners', () => {
  test('listen, dial, addresses; close removes the path, and nothing else is left beside it', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'a');
      const listener = await listen('unix', path);
      assert.deepEqual(readdirSync(folder), ['a']);
      assert.equal(String(listener.addr), path);
      assert.ok(listener.addr instanceof UnixAddr);
      assert.equal(listener.addr.network, 'unix');
      const a = await dial('unix', path);
      const b = await listener.accept();
      assert.deepEqual([String(a.localAddr), String(a.remoteAddr)], ['', path]);
      assert.deepEqual([String(b.localAddr), String(b.remoteAddr)], [path, '']);
      await listener.close();
      assert.deepEqual(readdirSync(folder), []);
      await writeString(a, 'still there');
      await a.close();
      assert.equal(new TextDecoder().decode(await readAll(b)), 'still there');
      await b.close();
      assert.equal(String(listener.addr), path);
    });
  });

  test('a path that exists is EADDRINUSE, whatever it is, and stays', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'a');
      const first = await listen('unix', path, { unlinkOnClose: false });
      for (const state of ['in use', 'stale']) {
        const error = await rejection(listen('unix', path));
        assert.ok(error instanceof OpError, state);
        assert.equal(error.code, 'EADDRINUSE', state);
        assert.equal(String(error.addr), path);
        if (state === 'in use') await first.close();
      }
      assert.ok(existsSync(path));
      const refused = await rejection(dial('unix', path));
      assert.equal((refused as OpError).code, 'ECONNREFUSED');
      const file = join(folder, 'b');
      writeFileSync(file, 'mine');
      assert.equal(((await rejection(listen('unix', file))) as OpError).code, 'EADDRINUSE');
      assert.deepEqual(readdirSync(folder).sort(), ['a', 'b']);
    });
  });

  test('close leaves a file alone that somebody else has put there', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'a');
      const first = await listen('unix', path);
      rmSync(path);
      const second = await listen('unix', path);
      await first.close();
      assert.ok(existsSync(path));
      const [conn] = await Promise.all([dial('unix', path), second.accept().then((c) => c.close())]);
      await conn.close();
      rmSync(path);
      writeFileSync(path, 'mine');
      await second.close();
      assert.equal(lstatSync(path).isFile(), true);
      const third = await listen('unix', join(folder, 'c'));
      rmSync(join(folder, 'c'));
      await third.close();
      assert.ok((await rejection(third.close())) instanceof ClosedError);
    });
  });

  test('setUnlinkOnClose: as the option, and it may change', async () => {
    await withFolder(async (folder) => {
      for (const [option, set, left] of [
        [true, false, true],
        [false, true, false],
        [undefined, undefined, false],
      ]) {
        const path = join(folder, 'a');
        const listener = await listen('unix', path, option === undefined ? {} : { unlinkOnClose: option });
        if (set !== undefined) listener.setUnlinkOnClose(set);
        await listener.close();
        assert.equal(existsSync(path), left);
        rmSync(path, { force: true });
      }
    });
  });

  test('mode: exactly these permissions, whatever the umask; without one, what the umask leaves', async () => {
    await withFolder(async (folder) => {
      for (const mode of [0o600, 0o660, 0o666, 0o777, 0o700]) {
        const path = join(folder, `m${mode}`);
        await using _ = await listen('unix', path, { mode });
        assert.equal(modeOf(path), `0o${mode.toString(8)}`);
      }
      const path = join(folder, 'plain');
      await using _ = await listen('unix', path);
      assert.equal(modeOf(path), `0o${(0o777 & ~process.umask()).toString(8)}`);
      for (const mode of [-2, 0o1000, 1.5, '600' as never]) {
        await assert.rejects(listen('unix', join(folder, 'bad'), { mode }), RangeError);
      }
    });
  });

  test('what cannot be an address: AddrError; where none can be made: OpError', async () => {
    assert.ok((await rejection(listen('unix', `/tmp/${'x'.repeat(200)}`))) instanceof AddrError);
    assert.ok((await rejection(dial('unix', `/tmp/${'x'.repeat(200)}`))) instanceof AddrError);
    assert.ok((await rejection(dial('unix', '/tmp/a\0b'))) instanceof AddrError);
    assert.equal(((await rejection(dial('unix', ''))) as OpError).code, 'ERR_MISSING_ADDRESS');
    const folderless = await rejection(listen('unix', '/tmp/no such folder/s'));
    assert.equal((folderless as OpError).code, 'ENOENT');
    const missing = await rejection(dial('unix', socketPath()));
    assert.ok(missing instanceof OpError);
    assert.deepEqual([missing.code, missing.op, missing.net], ['ENOENT', 'dial', 'unix']);
    await assert.rejects(dial('unix', '/tmp/x', { timeout: 0 }), DeadlineExceededError);
    await assert.rejects(dial('unix', '/tmp/x', { signal: AbortSignal.abort(new Error('no')) }), /no/);
  });

  test(
    'abstract names: @ and \\0 say the same, no file; @ alone is of the system’s choice',
    needs('unixAbstract'),
    async () => {
      const name = `gopark-${process.pid}-${Math.random()}`;
      await using listener = await listen('unix', `@${name}`);
      assert.equal(String(listener.addr), `@${name}`);
      assert.ok(!existsSync(`@${name}`));
      for (const address of [`@${name}`, `\0${name}`]) {
        const [conn, served] = await Promise.all([dial('unix', address), listener.accept()]);
        assert.equal(String(conn.remoteAddr), `@${name}`);
        await conn.close();
        await served.close();
      }
      assert.equal(((await rejection(listen('unix', `@${name}`))) as OpError).code, 'EADDRINUSE');
      await using chosen = await listen('unix', '@');
      assert.match(String(chosen.addr), /^@.+/);
      const [conn] = await Promise.all([
        dial('unix', String(chosen.addr)),
        chosen.accept().then((served) => served.close()),
      ]);
      await conn.close();
    },
  );

  test('accept: deadline, close wakes it; serve and for await end quietly', async () => {
    const listener = await listen('unix', socketPath());
    listener.setDeadline(new Date(0));
    await assert.rejects(listener.accept(), DeadlineExceededError);
    listener.setDeadline(null);
    const accepting = listener.accept();
    const serving = listener.serve(() => {});
    await stillPending(accepting, 'accept');
    await listener.close();
    await assert.rejects(accepting, ClosedError);
    await serving;
    for await (const _ of listener) assert.fail('it is closed');
  });

  test('a thousand connections, and no descriptor is left', async () => {
    const before = openSockets();
    const path = socketPath();
    const listener = await listen('unix', path);
    const serving = listener.serve(async (conn) => {
      await conn.write(await readAll(conn));
    });
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          await using conn = await dial('unix', path);
          await conn.write(pattern(100 + i));
          await conn.closeWrite();
          sameBytes(await readAll(conn), pattern(100 + i));
        }),
      );
    }
    await listener.close();
    await serving;
    await socketsBackAt(before);
  });
});

describe('Unix connections', () => {
  test('closeRead ends waiting and later reads; the other direction lives', needs('closeRead'), async () => {
    await withPair(unixPairs('unix'), async ({ a, b }) => {
      const reading = a.read(new Uint8Array(1));
      await stillPending(reading, 'read');
      await a.closeRead();
      assert.equal(await reading, null);
      assert.equal(await a.read(new Uint8Array(1)), null);
      await a.write(text('x'));
      assert.equal(await b.read(new Uint8Array(1)), 1);
    });
  });

  test('copies from TCP to Unix and back, megabytes of them', async () => {
    await withPair(tcpPair, ({ a: client, b: front }) =>
      withPair(unixPairs('unix'), async ({ a: back, b: server }) => {
        const sent = pattern(3 << 20);
        const proxying = Promise.all([
          copy(back, front).then(() => back.closeWrite()),
          copy(front, back).then(() => front.closeWrite()),
        ]);
        const serving = copy(server, server).then(() => server.closeWrite());
        const writing = client.write(sent).then(() => client.closeWrite());
        sameBytes(await readAll(client), sent);
        await Promise.all([proxying, serving, writing]);
      }),
    );
  });

  test(
    'local address: the peer sees it, and the path is gone once connected',
    needs('unixLocalAddress'),
    async () => {
      const own = socketPath();
      const listener = await listen('unix', socketPath());
      const [a, b] = await Promise.all([
        dial('unix', String(listener.addr), { localAddress: own }),
        listener.accept(),
      ]);
      assert.equal(String(a.localAddr), own);
      assert.equal(String(b.remoteAddr), own);
      assert.ok(!existsSync(own));
      for (const each of [a, b, listener]) await each.close();
    },
  );

  test('peer credentials are those of this process', needs('peerCredentials'), async () => {
    await withPair(unixPairs('unix'), async ({ a, b }) => {
      const mine = { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() };
      assert.deepEqual(a.peerCredentials(), mine);
      assert.deepEqual(b.peerCredentials(), mine);
      await a.close();
      assert.throws(() => a.peerCredentials(), ClosedError);
    });
  });

  test('what a driver lacks is refused by its name', async () => {
    const refused: [Parameters<typeof needs>[0], () => Promise<unknown>][] = [
      ['unixpacket', () => listen('unixpacket', socketPath()).then((l) => l.close())],
      ['unixpacket', () => dial('unixpacket', socketPath())],
      ['unixAbstract', () => listen('unix', '@')],
      ['unixAbstract', () => dial('unix', '@gopark')],
      ['unixLocalAddress', () => dial('unix', socketPath(), { localAddress: socketPath() })],
      ['peerCredentials', () => withPair(unixPairs('unix'), async ({ a }) => void a.peerCredentials())],
    ];
    for (const [capability, call] of refused) {
      if (needs(capability).skip === false) continue;
      const error = await rejection(call());
      assert.ok(error instanceof UnsupportedError, capability);
      assert.equal(error.feature, capability);
    }
  });
});

describe('unixpacket', () => {
  const row = (title: string, run: (a: UnixConn, b: UnixConn) => Promise<void>) =>
    test(title, needs('unixpacket'), () => withPair(unixPairs('unixpacket'), ({ a, b }) => run(a, b)));

  row('each write is one message, each read brings one; small, large, in a burst', async (a, b) => {
    const sizes = [1, 5, 4096, 100, 20_000, 70_000, 3, 100_000];
    const writing = Promise.all(sizes.map((size) => a.write(pattern(size, size))));
    const p = new Uint8Array(200_000);
    for (const size of sizes) {
      assert.equal(await b.read(p), size);
      sameBytes(p.subarray(0, size), pattern(size, size));
    }
    assert.deepEqual(await writing, sizes);
    const parked = b.read(p);
    await stillPending(parked, 'read');
    for (let i = 1; i <= 50; i++) assert.ok(a.tryWrite(new Uint8Array(i)));
    assert.equal(await parked, 1);
    for (let i = 2; i <= 50; i++) assert.equal(await b.read(p), i);
    assert.equal(b.tryRead(p), undefined);
  });

  row('writev is one message', async (a, b) => {
    assert.equal(await a.writev([text('ab'), new Uint8Array(0), pattern(30_000)]), 30_002);
    assert.equal(await b.read(new Uint8Array(100_000)), 30_002);
  });

  row('what a short buffer has no room for is lost, and the next message comes whole', async (a, b) => {
    await a.write(text('abcdefgh'));
    await a.write(text('next'));
    const p = new Uint8Array(3);
    assert.equal(await b.read(p), 3);
    sameBytes(p, text('abc'));
    const q = new Uint8Array(10);
    assert.equal(await b.read(q), 4);
    sameBytes(q.subarray(0, 4), text('next'));
  });

  row('an empty message reads as the end, and what follows it still comes', async (a, b) => {
    assert.equal(await a.write(new Uint8Array(0)), 0);
    await a.write(text('x'));
    const p = new Uint8Array(10);
    assert.equal(await b.read(p), null);
    assert.equal(await b.read(p), 1);
    await a.close();
    assert.equal(await b.read(p), null);
  });

  row(
    'a message that is too long is EMSGSIZE, with nothing sent, and the connection goes on',
    async (a, b) => {
      const error = await rejection(a.write(new Uint8Array(64 << 20)));
      assert.ok(error instanceof OpError);
      assert.deepEqual([error.code, error.bytesWritten], ['EMSGSIZE', 0]);
      assert.throws(() => a.tryWrite(new Uint8Array(64 << 20)), { code: 'EMSGSIZE' });
      await a.write(text('fine'));
      assert.equal(await b.read(new Uint8Array(10)), 4);
    },
  );

  row('a full peer parks the writer; a deadline ends it with nothing of its message sent', async (a, b) => {
    const message = pattern(8000);
    let sent = 0;
    while (a.tryWrite(message)) sent++;
    assert.ok(sent > 0);
    a.setWriteTimeout(10);
    const error = await rejection(a.write(message));
    assert.ok(error instanceof DeadlineExceededError);
    assert.equal(error.bytesWritten, 0);
    a.setWriteTimeout(null);
    const writing = a.write(message);
    const p = new Uint8Array(10_000);
    for (let i = 0; i <= sent; i++) assert.equal(await b.read(p), 8000);
    assert.equal(await writing, 8000);
    await turns(2);
    assert.equal(b.tryRead(p), undefined);
  });

  row('the peer is gone: EPIPE', async (a, b) => {
    await b.close();
    await assert.rejects(a.write(text('x')), { code: 'EPIPE' });
    await assert.rejects(a.write(text('x')), { code: 'EPIPE' });
  });
});
