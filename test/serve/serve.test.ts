import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { dial } from 'gopark/net';
import { type Crash, type ServeOptions, type Server, serve } from 'gopark/serve';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { Client, eventually, started as start } from './lib.ts';

const who = new URL('./handlers/who.js', import.meta.url);

const started = (t: TestContext, options: Partial<ServeOptions> = {}): Promise<Server> =>
  start(t, { handler: who, ...options });

describe('serve', { timeout: 110_000, ...needs('leases', 'reusePort') }, () => {
  for (const distribute of ['reuseport', 'handoff'] as const) {
    test(`${distribute}: every P serves, each knows who it is`, async (t) => {
      // Even, whatever else this machine does: nobody is passed over because he seems busy.
      const server = await started(t, { distribute, data: { shared: 1 }, balance: false });
      assert.equal(server.procs.length, 2);
      const seen = new Set<string>();
      const clients: Client[] = [];
      for (let i = 0; i < 40; i++) {
        const client = await Client.at(server.addr);
        clients.push(client);
        seen.add((await client.line())!);
        assert.equal(await client.ask(`hello ${i}`), `hello ${i}`);
      }
      assert.deepEqual([...seen].sort(), ['P 0 {"shared":1}', 'P 1 {"shared":1}']);
      await eventually(
        () => server.procs.reduce((all, { connections }) => all + connections, 0) === 40,
        'the Ps say how many they have',
      );
      if (distribute === 'handoff') {
        for (const { connections } of server.procs) assert.equal(connections, 20, 'spread evenly');
      }
      for (const { conn } of clients) await conn.close();
      assert.equal(await server.shutdown(), 0);
      await assert.rejects(dial('tcp', server.addr), { code: 'ECONNREFUSED' });
    });
  }

  for (const distribute of ['reuseport', 'handoff'] as const) {
    test(`${distribute}: the event loop's callbacks`, async (t) => {
      const handler = new URL('./handlers/loop.js', import.meta.url);
      const server = await started(t, { distribute, handler });
      const clients = await Promise.all(Array.from({ length: 20 }, () => Client.at(server.addr)));
      const seen = new Set(await Promise.all(clients.map((client) => client.line())));
      if (distribute === 'handoff') assert.deepEqual([...seen].sort(), ['P 0', 'P 1']);
      for (const [i, client] of clients.entries()) assert.equal(await client.ask(`hello ${i}`), `hello ${i}`);
      const ending = server.shutdown();
      for (const client of clients) assert.equal(await client.line(), null, 'who is idle is closed');
      assert.equal(await ending, 0);
    });
  }

  test('onShutdown: what the callbacks have to say first, and no longer than the timeout', async (t) => {
    const handler = new URL('./handlers/ending.js', import.meta.url);
    for (const answers of [true, false]) {
      const server = await started(t, { procs: 1, handler });
      const client = await Client.at(server.addr);
      assert.equal(await client.line(), 'welcome');
      const ending = server.shutdown({ timeout: answers ? 60_000 : 100 });
      assert.equal(await client.line(), 'any last words?');
      await assert.rejects(dial('tcp', server.addr), { code: 'ECONNREFUSED' });
      if (answers) assert.equal(await client.ask('thanks'), 'thanks');
      assert.equal(await client.line(), null);
      assert.equal(await ending, 0);
    }
  });

  test('a P that dies: its connections end, the others live on, and it comes back', async (t) => {
    const crashes: Crash[] = [];
    const server = await started(t, { distribute: 'handoff', onCrash: (crash) => void crashes.push(crash) });
    const clients = await Promise.all(Array.from({ length: 10 }, () => Client.at(server.addr)));
    const of = await Promise.all(clients.map((client) => client.line()));
    const victim = of.findIndex((line) => line!.startsWith('P 0'));
    const { threadId } = server.procs[0]!;
    await clients[victim]!.conn.write(Buffer.from('die\n'));
    for (const [i, client] of clients.entries()) {
      if (of[i]!.startsWith('P 0')) {
        let line: string | null | Error = '';
        while (typeof line === 'string') line = await client.line().catch((error: Error) => error);
      } else {
        assert.equal(await client.ask('still'), 'still');
      }
    }
    await eventually(() => crashes.length === 1, 'the report');
    assert.deepEqual([crashes[0]!.index, crashes[0]!.restartsIn], [0, 100]);
    assert.equal(crashes[0]!.threadId, threadId);
    assert.match(crashes[0]!.error.message, /told to die/);
    await eventually(
      () => server.procs[0]!.state === 'ready' && server.procs[0]!.restarts === 1,
      'P 0 is back',
    );
    const later = await Promise.all(Array.from({ length: 10 }, () => Client.at(server.addr)));
    const lines = await Promise.all(later.map((client) => client.line()));
    assert.ok(lines.some((line) => line!.startsWith('P 0')));
    for (const { conn } of [...clients, ...later]) conn.closeNow();
  });

  test('shutdown: the handlers are told, who ends in time is not cut off', async (t) => {
    const server = await started(t);
    const [polite, stubborn] = [await Client.at(server.addr), await Client.at(server.addr)];
    await Promise.all([polite.line(), stubborn.line()]);
    const ending = server.shutdown({ timeout: 500 });
    assert.equal(await polite.line(), 'stopping');
    await polite.conn.write(Buffer.from('bye\n'));
    assert.equal(await polite.line(), null);
    assert.equal(await ending, 1);
    stubborn.conn.closeNow();
  });

  /**
   * A client that has been greeted. Whoever waits in the backlog of a P that is being replaced is reset by the kernel, of
   * which a handed connection must not see anything.
   */
  async function greeted(address: string, distribute: 'reuseport' | 'handoff') {
    for (;;) {
      try {
        const client = await Client.at(address);
        return { client, line: (await client.line())! };
      } catch (error) {
        if (distribute === 'handoff' || (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      }
    }
  }

  test('reload: new connections see the new one, old ones stay until they end; a broken one changes nothing', async (t) => {
    for (const distribute of ['reuseport', 'handoff'] as const) {
      const server = await started(t, { distribute });
      const before = await Client.at(server.addr);
      await before.line();
      const threads = server.procs.map(({ threadId }) => threadId);
      await assert.rejects(
        server.reload({ handler: new URL('./handlers/broken.js', import.meta.url) }),
        /does not load/,
      );
      assert.deepEqual(
        server.procs.map(({ threadId }) => threadId),
        threads,
      );
      const reloaded = server.reload();
      await eventually(() => server.procs.every(({ threadId }) => !threads.includes(threadId)), 'new Ps');
      assert.equal(await before.line(), 'stopping');
      assert.equal(await before.ask('old'), 'old');
      const { client: after, line } = await greeted(server.addr, distribute);
      assert.match(line, /^P /);
      await before.conn.write(Buffer.from('bye\n'));
      assert.equal(await reloaded, 0);
      assert.equal(await after.ask('new'), 'new');
      after.conn.closeNow();
      await server.shutdown({ timeout: 0 });
    }
  });

  test('a Unix socket', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'gopark-serve-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 's');
    await started(t, { listen: `unix://${path}` });
    const clients = await Promise.all([Client.at(path), Client.at(path)]);
    const lines = await Promise.all(clients.map((client) => client.line()));
    assert.deepEqual(lines.map((line) => line!.slice(0, 3)).sort(), ['P 0', 'P 1']);
    for (const { conn } of clients) conn.closeNow();
  });

  test('what cannot be is told', async () => {
    const before = openSockets();
    const handler = (name: string) => new URL(`./handlers/${name}.js`, import.meta.url);
    const at = { listen: 'tcp://127.0.0.1:0', procs: 2 };
    await assert.rejects(serve({ ...at, handler: handler('broken') }), /does not load/);
    await assert.rejects(
      serve({ ...at, handler: handler('none') }),
      /neither a function as default nor onRequest/,
    );
    await assert.rejects(serve({ ...at, handler: handler('missing') }), { code: 'ERR_MODULE_NOT_FOUND' });
    await assert.rejects(serve({ ...at, handler: './relative.js' }), TypeError);
    await assert.rejects(serve({ ...at, listen: '127.0.0.1:0', handler: who }), RangeError);
    await assert.rejects(serve({ ...at, procs: 0, handler: who }), RangeError);
    await assert.rejects(
      serve({ ...at, listen: 'unix:///x', distribute: 'reuseport', handler: who }),
      RangeError,
    );
    await socketsBackAt(before);
  });
});
