import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needs } from '../../lib/needs.ts';
import { ending, ProxyProcess, take, UpstreamServer } from './lib.ts';

/** A client, its upstream's end, and the proxy between. */
async function withLink(
  args: readonly string[],
  use: (client: Socket, server: Socket, proxy: ProxyProcess) => Promise<void>,
): Promise<void> {
  await using upstream = await UpstreamServer.listen();
  await ProxyProcess.with(['--to', upstream.address, ...args], async (proxy) => {
    const [client, server] = await Promise.all([proxy.connect(), upstream.next()]);
    await use(client, server, proxy);
    client.destroy();
    server.destroy();
  });
}

/** By then the proxy has both connections. */
async function greet(client: Socket, server: Socket): Promise<void> {
  client.write('.');
  await take(server, 1);
}

describe('gopark proxy: bytes, ends and resets', () => {
  test('megabytes go both ways at once and arrive as they were', async () => {
    await withLink([], async (client, server, proxy) => {
      const up = randomBytes(5_000_000);
      const down = randomBytes(3_000_000);
      const both = [ending(client), ending(server)] as const;
      client.end(up);
      server.end(down);
      const [atClient, atServer] = await Promise.all(both);
      assert.ok(atClient.bytes.equals(down));
      assert.ok(atServer.bytes.equals(up));
      const { counters } = await proxy.reportWhen((report) => report.counters.active === 0, 'the end');
      assert.equal(counters.bytesUp, up.length);
      assert.equal(counters.bytesDown, down.length);
      assert.equal(counters.accepted, 1);
      assert.equal(counters.resetByClient + counters.resetByUpstream + counters.cutOff, 0);
    });
  });

  test('the end of one direction is passed on, and the other goes on', async () => {
    await withLink([], async (client, server) => {
      client.end('question');
      assert.equal(String((await ending(server)).bytes), 'question');
      server.write('an answer ');
      assert.equal(String(await take(client, 10)), 'an answer ');
      server.end('and more');
      const { bytes, how } = await ending(client);
      assert.equal(String(bytes), 'and more');
      assert.equal(how, 'end');
    });
    await withLink([], async (client, server) => {
      server.end('greeting');
      assert.equal(String((await ending(client)).bytes), 'greeting');
      client.write('still ');
      assert.equal(String(await take(server, 6)), 'still ');
      client.end('here');
      assert.equal(String((await ending(server)).bytes), 'here');
    });
  });

  test('a reset is passed on as a reset, both ways', needs('linger'), async () => {
    await withLink([], async (client, server, proxy) => {
      await greet(client, server);
      const seen = ending(server);
      client.resetAndDestroy();
      assert.equal((await seen).how, 'ECONNRESET');
      await proxy.reportWhen(
        ({ counters }) => counters.resetByClient === 1 && counters.active === 0,
        'reset',
      );
    });
    await withLink([], async (client, server, proxy) => {
      await greet(client, server);
      const seen = ending(client);
      server.resetAndDestroy();
      assert.equal((await seen).how, 'ECONNRESET');
      await proxy.reportWhen(
        ({ counters }) => counters.resetByUpstream === 1 && counters.active === 0,
        'reset',
      );
    });
  });

  test('what open connections have passed on can be seen while they go on', async () => {
    await withLink([], async (client, server, proxy) => {
      for (let round = 1; round <= 3; round++) {
        client.write('12345');
        await take(server, 5);
        server.write('123');
        await take(client, 3);
        const { counters, pools } = await proxy.reportWhen(
          (report) => report.counters.bytesDown === 3 * round,
          'the bytes of this round',
        );
        assert.equal(counters.bytesUp, 5 * round);
        assert.equal(pools[0]!.upstreams[0]!.active, 1);
      }
    });
  });

  test('a client that reads nothing costs bounded memory, and delays nobody', async () => {
    await using upstream = await UpstreamServer.listen();
    await ProxyProcess.with(['--to', upstream.address], async (proxy) => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => proxy.connect()));
      const servers = await Promise.all(clients.map(() => upstream.next()));
      for (const client of clients) client.pause();
      const block = Buffer.alloc(1 << 20);
      const before = proxy.memory();
      // Each until the kernels between here and there take no more.
      for (const server of servers) for (let i = 0; i < 24; i++) server.write(block);
      const other = await proxy.connect();
      const otherServer = await upstream.next();
      for (let i = 0; i < 100; i++) {
        other.write('ping');
        await take(otherServer, 4);
        otherServer.write('pong');
        await take(other, 4);
      }
      // 480 MB want to go through; a proxy that took them would show it.
      assert.ok(proxy.memory() - before < 100e6, `${proxy.memory() - before} bytes more`);
      // A slow one gets all of it.
      const [slow] = clients;
      let received = 0;
      slow!.on('data', (part) => {
        received += part.length;
        if (received === 24 * block.length) slow!.emit('all');
      });
      const all = once(slow!, 'all');
      slow!.resume();
      await all;
      for (const socket of [...clients, other, ...upstream.sockets]) socket.destroy();
      await proxy.reportWhen(({ counters }) => counters.active === 0, 'the end of all');
    });
  });

  test('nothing for the idle timeout: both sides are closed; who sends stays', async () => {
    await using upstream = await UpstreamServer.listen();
    await ProxyProcess.with(['--to', upstream.address, '--idle-timeout', '400ms'], async (proxy) => {
      const idle = await proxy.connect();
      const idleServer = await upstream.next();
      const busy = await proxy.connect();
      const busyServer = await upstream.next();
      busyServer.resume();
      let open = true;
      busy.once('close', () => {
        open = false;
      });
      const beat = setInterval(() => busy.write('.'), 20);
      const [atClient, atServer] = await Promise.all([ending(idle), ending(idleServer)]);
      assert.equal(atClient.how, 'end');
      assert.equal(atServer.how, 'end');
      await proxy.reportWhen(({ counters }) => counters.idle === 1, 'the idle one');
      assert.ok(open);
      clearInterval(beat);
      // Once it is silent, too, it goes the same way.
      assert.equal((await ending(busy)).how, 'end');
      idle.destroy();
      busy.destroy();
      await proxy.reportWhen(({ counters }) => counters.idle === 2, 'the other one');
    });
  });

  test('Unix sockets, on both sides', needs('unix'), async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gopark-proxy-'));
    try {
      const [front, back] = [join(folder, 'front'), join(folder, 'back')];
      await using upstream = await UpstreamServer.listen(back);
      await ProxyProcess.with(['--listen', `unix:${front}`, '--to', `unix:${back}`], async (proxy) => {
        for (const client of [await proxy.connect(), connect({ path: front, allowHalfOpen: true })]) {
          const server = await upstream.next();
          client.end('question');
          assert.equal(String((await ending(server)).bytes), 'question');
          server.end('answer');
          assert.equal(String((await ending(client)).bytes), 'answer');
        }
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('the log has a line for each connection', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gopark-proxy-'));
    try {
      const path = join(folder, 'log');
      await withLink(['--log', path], async (client, server, proxy) => {
        server.end('hello');
        client.end('hi');
        await Promise.all([ending(client), ending(server)]);
        await proxy.reportWhen(({ counters }) => counters.active === 0, 'the end');
      });
      const [line, ...rest] = readFileSync(path, 'utf8').trimEnd().split('\n');
      assert.deepEqual(rest, []);
      const { client, upstream, ending: how, bytesUp, bytesDown, ms } = JSON.parse(line!);
      assert.match(client, /^127\.0\.0\.1:\d+$/);
      assert.match(upstream, /^127\.0\.0\.1:\d+$/);
      assert.deepEqual([how, bytesUp, bytesDown], ['end', 2, 5]);
      assert.ok(ms >= 0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
