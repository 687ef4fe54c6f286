import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Gateway } from '#dist/cli/gateway/gateway.js';
import { defaultOptions } from '#dist/cli/gateway/options.js';
import { turns, until, watch } from '../../lib/waiting.ts';
import { directoryOf, SlowDisk } from '../../os/lib.ts';
import { LineClient } from '../lib/line-client.ts';
import { ordersIn } from './lib.ts';

/** Together they have more to say than the journal has room for. */
const CLIENTS = 140;

test('gateway: who is reset while orders wait for the disk, or for room, is forgotten', {
  timeout: 60_000,
}, async (t) => {
  const path = join(directoryOf(t), 'j');
  const journal = { path, mode: 'async', sync: 'batch', rotateSize: null } as const;
  const gateway = await Gateway.start({ ...defaultOptions, address: '127.0.0.1:0', journal });
  const { counters } = gateway;
  const { port } = gateway.addr;
  const disk = new SlowDisk(t, ['datasync']);
  const lines = (count: number) =>
    Array.from({ length: count }, (_, i) => `ORD ${i} BUY ACME 10 ${'1'.repeat(12)}.25`);
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => LineClient.connect(port)));
    for (const client of clients) client.send('SUB ACME', ...lines(600));
    await disk.next();
    if (round === 0) {
      await until(() => counters.lines > 60_000, 'many orders');
      for (let before = 0; before !== counters.lines; await turns(20)) before = counters.lines;
      assert.ok(counters.lines < CLIENTS * 601, `${counters.lines} lines: the journal has had room for all`);
    }
    for (const [i, { socket }] of clients.entries()) {
      if (i % 4 === 3) socket.end();
      else socket.resetAndDestroy();
    }
    // Whoever waits is not read from, and is found to have gone when the disk goes on.
    while (counters.connections > 0) {
      disk.releaseAll();
      await turns(1);
    }
    assert.deepEqual([counters.subscriptions, counters.symbols], [0, 0]);
  }
  // Nobody is connected, but orders that nobody waits for may still be on their way to the disk.
  const over = watch(gateway.shutdown());
  while (over.outcome.state === 'pending') {
    disk.releaseAll();
    await turns(1);
  }
  assert.equal(over.outcome.state, 'resolved');
  assert.equal(ordersIn(path).length, counters.orders);
});
