import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { until } from '../lib/waiting.ts';
import { GatewayProcess } from './lib/gateway-process.ts';
import { LineClient } from './lib/line-client.ts';

const endless = Buffer.alloc(10 * 2 ** 20, 'ORD ');
const kinds = ['garbage', 'half a line', '10 MiB without an end', 'gone mid-line'] as const;

/** One client that means no good; resolves when its connection has gone. */
async function misbehave(port: number, kind: (typeof kinds)[number]): Promise<void> {
  const client = await LineClient.connect(port);
  const { socket } = client;
  switch (kind) {
    case 'garbage':
      socket.write(randomBytes(200_000));
      break;
    case 'half a line':
      socket.end(`SUB ${'HALF.A,'.repeat(500)}`);
      break;
    case '10 MiB without an end':
      socket.write(endless);
      break;
    case 'gone mid-line':
      await new Promise((resolve) => socket.write('SUB GONE.A\nORD gone BUY GONE.A 1', resolve));
      socket.resetAndDestroy();
      break;
  }
  await client.closed;
}

async function round(port: number): Promise<void> {
  await Promise.all(Array.from({ length: 200 }, (_, i) => misbehave(port, kinds[i % kinds.length]!)));
}

describe('gateway: clients that mean no good', { timeout: 100_000 }, () => {
  test('200 of them cost neither memory nor descriptors nor another client its answers', async (t) => {
    await GatewayProcess.with([], async (gateway) => {
      const good = await LineClient.connect(gateway.port);
      let pinging = true;
      let pings = 0;
      let longest = 0;
      const ping = async () => {
        for (; pinging; pings++) {
          const began = performance.now();
          assert.equal(await good.ask('PING'), 'PONG');
          longest = Math.max(longest, performance.now() - began);
        }
      };
      await good.ask('PING');
      const descriptors = gateway.descriptors();
      const pinged = ping();
      // The first round grows heaps and slabs to their size.
      await round(gateway.port);
      const memory = gateway.memory();
      for (let i = 0; i < 3; i++) await round(gateway.port);
      pinging = false;
      await pinged;
      const stats = await good.statsWhen(({ connections }) => connections === 1);
      await until(() => gateway.descriptors() <= descriptors, 'descriptors back where they were');
      const growth = gateway.memory() - memory;
      t.diagnostic(
        `memory ${(growth / 2 ** 20).toFixed(1)} MiB more; ${pings} PINGs, longest ${longest.toFixed(1)} ms`,
      );
      assert.ok(growth < 32 * 2 ** 20, `${growth} bytes more`);
      assert.ok(pings > 0 && longest < 2000, `${pings} PINGs, longest ${longest} ms`);
      assert.deepEqual([stats.symbols, stats.subscriptions, stats.accepted], [0, 0, 801]);
    });
  });
});
