import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needs } from '../lib/needs.ts';
import { stillPending, until } from '../lib/waiting.ts';
import { serveHall } from './lib/hall.ts';
import { LineClient } from './lib/line-client.ts';

test('gateway: who does not take the last bytes is there until they are cut off', {
  ...needs('bufferSizes'),
  timeout: 30_000,
}, async (t) => {
  const { hall, counters, port, conns } = await serveHall(t, null);
  const stuck = await LineClient.connect(port, { reading: false });
  await until(() => conns.length === 1, 'the connection');
  const { fd } = conns[0]!;
  // Few enough that all of it waits in the connection's own chain.
  while (fd.poller.driver.outboundLength(fd.slot) === 0) {
    const before = counters.lines;
    stuck.send(...Array<string>(20).fill('STATS'));
    await until(() => counters.lines === before + 20, 'the replies');
  }
  const finished = hall.finish();
  await stillPending(finished, 'the end of who has not taken everything');
  assert.equal(counters.connections, 1);
  assert.equal(hall.cutOff(), 1);
  await finished;
  assert.equal(counters.connections, 0);
  await stuck.close();
});
