import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { defaultOptions } from '#dist/cli/gateway/options.js';
import { ProcsGateway } from '#dist/cli/gateway/procs/procs-gateway.js';
import { needs } from '../../lib/needs.ts';
import { until } from '../../lib/waiting.ts';
import { directoryOf } from '../../os/lib.ts';
import { ordersIn } from '../journal/lib.ts';
import { LineClient } from '../lib/line-client.ts';
import { closeAll, crowd } from './lib.ts';

const module = new URL('./fixtures/mortal-handler.js', import.meta.url);

describe('gateway: a P that dies', { ...needs('leases'), timeout: 120_000 }, () => {
  test('its clients come again, the others notice nothing, and no order that was acknowledged is lost', async (t) => {
    const path = join(directoryOf(t), 'j');
    const complaints = t.mock.method(console, 'error', () => {});
    const gateway = await ProcsGateway.start(
      {
        ...defaultOptions,
        address: '127.0.0.1:0',
        procs: 2,
        maxConnections: 60,
        maxPerAddress: 60,
        journal: { path, mode: 'async', sync: 'never', rotateSize: null },
      },
      { module },
    );
    const deaths = new BroadcastChannel('mortal');
    try {
      const port = Number(gateway.addr.split(':')[1]);
      const acknowledged: string[] = [];
      for (let round = 0; round < 3; round++) {
        const clients = await crowd(port);
        for (const client of clients) assert.equal(await client.ask('SUB ACME'), 'OK SUB 1');
        // Some orders may be on their way when it happens.
        for (const [c, client] of clients.entries()) {
          client.send(...Array.from({ length: 50 }, (_, i) => `ORD r${round}c${c}-${i} BUY ACME 1 1`));
        }
        deaths.postMessage(0);
        await until(() => gateway.procs[0]!.restarts === round + 1, 'the next P 0', 30_000);
        const survivors: LineClient[] = [];
        const victims: LineClient[] = [];
        await Promise.all(
          clients.map(async (client, c) => {
            try {
              for (let i = 0; i < 50; i++) {
                assert.match(await client.next(), RegExp(`^ACK r${round}c${c}-${i} \\d+$`));
                acknowledged.push(`r${round}c${c}-${i}`);
              }
              assert.equal(await client.ask('PING'), 'PONG');
              survivors.push(client);
            } catch (error) {
              if (!/the connection ended/.test(String(error))) throw error;
              victims.push(client);
            }
          }),
        );
        assert.ok(survivors.length > 0 && victims.length > 0, `${survivors.length} and ${victims.length}`);
        await until(() => gateway.procs[0]!.state === 'ready', 'P 0 is back', 30_000);
        const again = await crowd(port, victims.length);
        for (const client of again) assert.equal(await client.ask('SUB ACME'), 'OK SUB 1');
        const publisher = survivors[0]!;
        publisher.send(`FEED ACME ${round + 1}`);
        for (const client of [...survivors, ...again])
          assert.match(await client.next(), RegExp(`^TICK ACME ${round + 1} `));
        const { connections, subscriptions } = await publisher.stats();
        assert.deepEqual([connections, subscriptions], [clients.length, clients.length]);
        // Nothing of the limits is lost with it: there is room for exactly the others.
        const more = await crowd(port, 60 - clients.length);
        for (const client of more) assert.equal(await client.ask('PING'), 'PONG');
        assert.equal(await (await LineClient.connect(port)).next(), 'ERR too many connections');
        await closeAll([...survivors, ...again, ...more]);
        await until(() => gateway.counters.connections === 0, 'all have gone', 30_000);
      }
      assert.equal(complaints.mock.callCount(), 3);
      assert.match(
        String(complaints.mock.calls[0]!.arguments[0]),
        /^gopark gateway: P 0 has died, the next one starts in 100 ms: Error: told to die/,
      );
      assert.equal(await gateway.shutdown(), 0);
      const kept = ordersIn(path);
      const ids = new Set(kept.map(({ id }) => id));
      for (const id of acknowledged) assert.ok(ids.has(id), id);
      assert.deepEqual(
        kept.map(({ sequence }) => sequence),
        kept.map((_, i) => i + 1),
      );
    } finally {
      deaths.close();
    }
  });
});
