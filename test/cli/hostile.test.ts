import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { until } from '../lib/waiting.ts';
import { GatewayProcess } from './lib/gateway-process.ts';
import { LineClient } from './lib/line-client.ts';

/** V8 collects buffers that nobody has any more when there are so many bytes of them. */
const GARBAGE = 64 * 2 ** 20;
/** Enough of them for a block of 64 KiB that each client of theirs leaves behind to show. */
const CROWDS = 8;

/** One crowd comes and goes, from a thread of its own: what it costs to be hostile is not the good client's matter. */
async function crowd(port: number): Promise<void> {
  const worker = new Worker(new URL('./fixtures/hostile-crowd.js', import.meta.url), {
    workerData: { port },
  });
  const [code] = await once(worker, 'exit');
  assert.equal(code, 0);
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
      // The first rounds grow heaps, slabs and the ring's buffers to their size.
      for (let i = 0; i < 2; i++) await crowd(gateway.port);
      const memory = gateway.memory();
      for (let i = 0; i < CROWDS; i++) await crowd(gateway.port);
      pinging = false;
      await pinged;
      const stats = await good.statsWhen(({ connections }) => connections === 1);
      await until(() => gateway.descriptors() <= descriptors, 'descriptors back where they were');
      const growth = gateway.memory() - memory;
      t.diagnostic(
        `memory ${(growth / 2 ** 20).toFixed(1)} MiB more; ${pings} PINGs, longest ${longest.toFixed(1)} ms`,
      );
      assert.ok(growth < GARBAGE + 16 * 2 ** 20, `${growth} bytes more`);
      assert.ok(pings > 0 && longest < 2000, `${pings} PINGs, longest ${longest} ms`);
      assert.deepEqual([stats.symbols, stats.subscriptions, stats.accepted], [0, 0, 1 + 200 * (2 + CROWDS)]);
    });
  });

  test('clients that send without a pause leave the others their turns', async (t) => {
    await GatewayProcess.with([], async (gateway) => {
      const good = await LineClient.connect(gateway.port);
      const worker = new Worker(new URL('./fixtures/flood.js', import.meta.url), {
        workerData: { port: gateway.port },
      });
      const before = await good.statsWhen(({ ticksIn, orders }) => ticksIn! > 1000 && orders! > 1000);
      let longest = 0;
      for (let i = 0; i < 50; i++) {
        const began = performance.now();
        assert.equal(await good.ask('PING'), 'PONG');
        longest = Math.max(longest, performance.now() - began);
      }
      const { ticksIn, orders } = await good.stats();
      await worker.terminate();
      t.diagnostic(`longest PING ${longest.toFixed(1)} ms`);
      assert.ok(longest < 2000, `longest ${longest} ms`);
      assert.ok(ticksIn! > before.ticksIn! && orders! > before.orders!, 'the flood went on meanwhile');
      await good.statsWhen(({ connections }) => connections === 1);
    });
  });
});
