import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtime } from 'gopark';
import { serveHall } from './lib/hall.ts';
import { LineClient } from './lib/line-client.ts';

test('gateway: a bug that a line meets ends its session, whose place and subscriptions are free again', {
  timeout: 30_000,
}, async (t) => {
  const bug = new Error('a bug');
  const { counters, port } = await serveHall(t, {
    hasRoom: true,
    append: () => {
      throw bug;
    },
    waitForRoom: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  const reported: unknown[] = [];
  runtime.onPanic = (error) => reported.push(error);
  t.after(() => {
    runtime.onPanic = null;
  });
  for (let round = 1; round <= 2; round++) {
    const client = await LineClient.connect(port);
    assert.equal(await client.ask('SUB ACME'), 'OK SUB 1');
    client.send('ORD 1 BUY ACME 10 101.25');
    assert.deepEqual(await client.rest(), []);
    const { connections, symbols, subscriptions } = counters;
    assert.deepEqual([connections, symbols, subscriptions], [0, 0, 0]);
    assert.deepEqual(reported, Array(round).fill(bug));
  }
});
