import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { Report } from '#dist/cli/proxy/report.js';
import { ending, ProxyProcess, take, UpstreamServer } from './lib.ts';

const states = ({ pools }: Report) => pools[0]!.upstreams.map(({ state }) => state).join(' ');
const actives = ({ pools }: Report) => pools[0]!.upstreams.map(({ active }) => active).join(' ');

/** `count` upstreams that say their number, and a proxy for them. */
async function withUpstreams(
  suffixes: readonly string[],
  args: readonly string[],
  use: (proxy: ProxyProcess, upstreams: readonly UpstreamServer[]) => Promise<void>,
): Promise<string> {
  const upstreams = await Promise.all(
    suffixes.map(async (_, i) => (await UpstreamServer.listen()).echo(`${i}`)),
  );
  try {
    const to = upstreams.flatMap(({ address }, i) => ['--to', address + suffixes[i]]);
    return await ProxyProcess.with([...to, ...args], (proxy) => use(proxy, upstreams));
  } finally {
    for (const upstream of upstreams) await upstream.close();
  }
}

/** A connection, and which upstream it has come to. */
async function visit(proxy: ProxyProcess): Promise<{ client: Socket; at: number }> {
  const client = await proxy.connect();
  return { client, at: Number(String(await take(client, 1))) };
}

async function leave(client: Socket): Promise<void> {
  client.resume().end();
  if (!client.destroyed) await once(client, 'close');
}

describe('gopark proxy: upstreams', () => {
  test('the one with the fewest connections; equals take turns', async () => {
    await withUpstreams(['', '', ''], [], async (proxy) => {
      const held: { client: Socket; at: number }[] = [];
      for (let i = 0; i < 6; i++) held.push(await visit(proxy));
      assert.deepEqual(
        held.map(({ at }) => at),
        [0, 1, 2, 0, 1, 2],
      );
      // Upstream 1 has nobody any more: the next two are its.
      for (const { client, at } of held) if (at === 1) await leave(client);
      await proxy.reportWhen((report) => actives(report) === '2 0 2', 'two to have left');
      const next = [await visit(proxy), await visit(proxy)];
      assert.deepEqual(
        next.map(({ at }) => at),
        [1, 1],
      );
      // One after the other, they still take turns.
      for (const { client } of [...held, ...next]) await leave(client);
      await proxy.reportWhen((report) => actives(report) === '0 0 0', 'all to have left');
      const seen = new Set<number>();
      for (let i = 0; i < 3; i++) {
        const { client, at } = await visit(proxy);
        seen.add(at);
        await leave(client);
        await proxy.reportWhen((report) => actives(report) === '0 0 0', 'it to have left');
      }
      assert.equal(seen.size, 3);
    });
  });

  test('by weight', async () => {
    await withUpstreams([',weight=3', ',weight=1'], [], async (proxy) => {
      const held: { client: Socket; at: number }[] = [];
      for (let i = 0; i < 8; i++) held.push(await visit(proxy));
      assert.equal(held.filter(({ at }) => at === 0).length, 6);
      for (const { client } of held) await leave(client);
    });
  });

  test('one that does not answer costs no client, is marked down, and is up again when it answers a probe', async () => {
    const args = ['--fail-after', '2', '--retry-after', '50ms'];
    const said = await withUpstreams(['', ''], args, async (proxy, upstreams) => {
      const { port } = upstreams[0]!;
      await upstreams[0]!.close();
      for (let i = 0; i < 6; i++) {
        const { client, at } = await visit(proxy);
        assert.equal(at, 1);
        await leave(client);
      }
      const report = await proxy.reportWhen((one) => states(one) === 'down up', 'it to be down');
      // Tried twice by clients; the probes are not theirs.
      assert.equal(report.pools[0]!.upstreams[0]!.failures, 2);
      assert.match(report.pools[0]!.upstreams[0]!.lastError!, /ECONNREFUSED|refused/);
      const again = (await UpstreamServer.listen(port)).echo('0');
      try {
        await proxy.reportWhen((one) => states(one) === 'up up', 'it to be up');
        const visits = [await visit(proxy), await visit(proxy)];
        assert.deepEqual(visits.map(({ at }) => at).sort(), [0, 1]);
        for (const { client } of visits) await leave(client);
      } finally {
        await again.close();
      }
    });
    assert.match(said, /^upstream 127\.0\.0\.1:\d+ \(default\) is down: .*\nupstream .* is up\n$/);
  });

  test('nobody answers: the client sees no clean end of a stream, and the proxy goes on', async () => {
    await withUpstreams([''], ['--fail-after', '1', '--retry-after', '1h'], async (proxy, [upstream]) => {
      const { port } = upstream!;
      await upstream!.close();
      const { bytes } = await ending(await proxy.connect());
      assert.equal(bytes.length, 0);
      await proxy.reportWhen(({ counters }) => counters.unreachable === 1, 'one to have failed');
      // Marked down, and all that there is: tried all the same.
      const again = (await UpstreamServer.listen(port)).echo('0');
      try {
        const { client } = await visit(proxy);
        await leave(client);
        assert.equal(states(await proxy.report()), 'up');
      } finally {
        await again.close();
      }
    });
  });

  test('no more connections than allowed: the others wait', async () => {
    await withUpstreams([''], ['--max-connections', '2'], async (proxy, [upstream]) => {
      const held = [await visit(proxy), await visit(proxy)];
      const third = visit(proxy);
      // The kernel has taken it; a round trip later the upstream has not seen it.
      held[0]!.client.write('x');
      assert.equal(String(await take(held[0]!.client, 1)), 'x');
      assert.equal(upstream!.sockets.length, 2);
      await leave(held[0]!.client);
      const { client } = await third;
      await leave(client);
      await leave(held[1]!.client);
    });
  });
});
