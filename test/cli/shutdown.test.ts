import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needs } from '../lib/needs.ts';
import { GatewayProcess } from './lib/gateway-process.ts';
import { LineClient } from './lib/line-client.ts';

describe('gateway: shutdown', { timeout: 60_000 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal}: what is queued arrives, then the end`, async () => {
      const gateway = await GatewayProcess.start(['--send-buffer', '4096', '--drain-timeout', '30000']);
      const slow = await LineClient.connect(gateway.port, { reading: false });
      const idle = await LineClient.connect(gateway.port);
      assert.equal(await idle.ask('PING'), 'PONG');
      const orders = 3000;
      slow.send(...Array.from({ length: orders }, (_, i) => `ORD o${i} BUY ACME 1 1`));
      await idle.statsWhen((stats) => stats.orders === orders);
      gateway.signal(signal);
      assert.deepEqual(await idle.rest(), ['ERR shutting down']);
      slow.read();
      const lines = await slow.rest();
      assert.equal(lines.length, orders + 1);
      assert.match(lines[orders - 1]!, RegExp(`^ACK o${orders - 1} \\d+$`));
      assert.equal(lines[orders], 'ERR shutting down');
      const { code, stdout, stderr } = await gateway.ended();
      assert.equal(stderr, '');
      assert.match(stdout, RegExp(`${signal}: draining 2 connections`));
      assert.equal(code, 0);
    });
  }

  test('who takes nothing is cut off after the drain timeout', needs('bufferSizes'), async () => {
    const gateway = await GatewayProcess.start(['--send-buffer', '4096', '--drain-timeout', '200']);
    const stuck = await LineClient.connect(gateway.port, { reading: false });
    const publisher = await LineClient.connect(gateway.port);
    stuck.send('SUB STUCK');
    await publisher.statsWhen(({ subscriptions }) => subscriptions === 1);
    // Few lines at a time: only a connection that takes nothing for many rounds has that many conflated.
    for (let conflated = 0; conflated < 1000; conflated = (await publisher.stats()).conflated!) {
      publisher.send(...Array.from({ length: 200 }, (_, i) => `FEED STUCK ${i + 1}`));
    }
    const { code, stdout, stderr } = await gateway.stop();
    assert.equal(stderr, '');
    assert.match(stdout, /1 connections did not take everything in time/);
    assert.equal(code, 0);
    await stuck.close();
    await publisher.close();
  });
});
