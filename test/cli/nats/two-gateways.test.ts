import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultOptions } from '#dist/cli/gateway/options.js';
import { ProcsGateway } from '#dist/cli/gateway/procs/procs-gateway.js';
import { needs } from '../../lib/needs.ts';
import { until } from '../../lib/waiting.ts';
import { GatewayProcess } from '../lib/gateway-process.ts';
import { LineClient } from '../lib/line-client.ts';
import { closeAll, crowd } from '../procs/lib.ts';
import { NatsServer, needsNats, parseTick } from './lib.ts';

const skip = needsNats.skip || needs('leases').skip;

/** So many ticks of a client, which must come one after the other. */
async function ticks(client: LineClient, count: number, after: number): Promise<string[]> {
  const seen: string[] = [];
  for (let sequence = after + 1; seen.length < count; sequence++) {
    const tick = parseTick(await client.next());
    assert.equal(tick.sequence, sequence, 'no gap, no tick twice');
    seen.push(tick.what);
  }
  return seen;
}

const prices = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `A.B ${from + i}`);

describe('gateway: several gateways, one market', { skip, timeout: 120_000 }, () => {
  for (const procs of ['1', '2']) {
    test(`one of two is killed, with ${procs} Ps: the other goes on, and who comes back misses nothing`, async (t) => {
      const nats = await NatsServer.start(t);
      const args = ['--nats', nats.url, '--procs', procs];
      const one = await GatewayProcess.start(args);
      let other = await GatewayProcess.start(args);
      const here = await LineClient.connect(one.port);
      let there = await LineClient.connect(other.port);
      for (const client of [here, there]) assert.equal(await client.ask('SUB A.B'), 'OK SUB 1');
      // Published at both, seen at both, in one order.
      const publisher = await LineClient.connect(other.port);
      for (let i = 1; i <= 50; i++) {
        here.send(`FEED A.B ${i}`);
        publisher.send(`FEED A.B ${1000 + i}`);
      }
      const seen = await ticks(here, 100, 0);
      assert.deepEqual(await ticks(there, 100, 0), seen);
      assert.deepEqual([...seen].sort(), [...prices(1, 50), ...prices(1001, 50)].sort());

      other.signal('SIGKILL');
      await other.ended();
      await there.closed;
      here.send(...prices(101, 100).map((price) => `FEED ${price}`));
      assert.deepEqual(await ticks(here, 100, 100), prices(101, 100));

      other = await GatewayProcess.start(args);
      there = await LineClient.connect(other.port);
      here.send(...prices(201, 20).map((price) => `FEED ${price}`));
      assert.deepEqual(await ticks(here, 20, 200), prices(201, 20));
      let reply = await there.ask('SUB A.B,X 100');
      // It may be on its way to what happened before its time.
      while (reply.startsWith('ERR not there yet')) reply = await there.ask('SUB A.B,X 100');
      const back: string[] = [];
      for (let sequence = 101; reply !== 'OK SUB 2'; reply = await there.next()) {
        const tick = parseTick(reply);
        assert.equal(tick.sequence, sequence++);
        back.push(tick.what);
      }
      back.push(...(await ticks(there, 120 - back.length, 100 + back.length)));
      assert.deepEqual(back, prices(101, 120));
      there.send('FEED A.B 7');
      assert.deepEqual([await ticks(here, 1, 220), await ticks(there, 1, 220)], [['A.B 7'], ['A.B 7']]);
      await Promise.all([here.close(), there.close(), publisher.close()]);
      for (const gateway of [one, other]) {
        const { code, stderr } = await gateway.stop();
        assert.deepEqual([code, stderr], [0, '']);
      }
    });
  }

  test('a P that dies: the next one knows what came before its time', async (t) => {
    const nats = await NatsServer.start(t);
    t.mock.method(console, 'error', () => {});
    const gateway = await ProcsGateway.start(
      {
        ...defaultOptions,
        address: '127.0.0.1:0',
        procs: 2,
        nats: { servers: nats.url, stream: 'TICKS', history: 100 },
      },
      { module: new URL('../procs/fixtures/mortal-handler.js', import.meta.url) },
    );
    const deaths = new BroadcastChannel('mortal');
    try {
      const port = Number(gateway.addr.split(':')[1]);
      const feeding = await LineClient.connect(port);
      assert.equal(await feeding.ask('SUB A.B'), 'OK SUB 1');
      feeding.send(...prices(1, 40).map((price) => `FEED ${price}`));
      assert.deepEqual(await ticks(feeding, 40, 0), prices(1, 40));
      await feeding.close();
      for (const victim of [0, 1]) {
        deaths.postMessage(victim);
        await until(() => gateway.procs[victim]!.restarts === 1, 'the next one', 30_000);
        await until(() => gateway.procs[victim]!.state === 'ready', 'it is up', 30_000);
      }
      const clients = await crowd(port);
      for (const client of clients) client.send('SUB A.B 10');
      for (const client of clients) {
        assert.deepEqual(await ticks(client, 30, 10), prices(11, 30));
        assert.equal(await client.next(), 'OK SUB 1');
      }
      clients[0]!.send('FEED A.B 41');
      for (const client of clients) assert.deepEqual(await ticks(client, 1, 40), ['A.B 41']);
      await closeAll(clients);
    } finally {
      deaths.close();
      await gateway.shutdown();
    }
  });

  test('nats-server is killed and started again: subscribers see every price once, in order', async (t) => {
    const nats = await NatsServer.start(t);
    const gateways = [
      await GatewayProcess.start(['--nats', nats.url]),
      await GatewayProcess.start(['--nats', nats.url, '--procs', '2']),
    ];
    const listeners = await Promise.all(gateways.map(({ port }) => LineClient.connect(port)));
    for (const client of listeners) assert.equal(await client.ask('SUB A.B'), 'OK SUB 1');
    const publisher = await LineClient.connect(gateways[0]!.port);
    let published = 0;
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const feed = (count: number) => {
        publisher.send(...prices(published + 1, count).map((price) => `FEED ${price}`));
        published += count;
      };
      feed(200);
      // Some may be on their way.
      await publisher.ask('PING');
      await nats.kill();
      feed(50);
      await publisher.ask('PING');
      await nats.run();
      feed(50);
      const seen = await Promise.all(
        listeners.map((client) => collect(client, prices(published - 299, 300), last)),
      );
      assert.deepEqual(seen[1], seen[0]);
      last += seen[0]!.length;
    }
    await Promise.all([...listeners, publisher].map((client) => client.close()));
    for (const gateway of gateways) {
      const { code, stderr } = await gateway.stop();
      assert.equal(code, 0);
      assert.match(stderr, /NATS: the connection is lost\n(.|\n)*NATS: connected again/);
      assert.doesNotMatch(stderr, /gone from the stream|goes on at|could not/);
    }
  });
});

/**
 * Ticks up to the last of `wanted`, which come in this order, each once, with numbers behind `after` and without a gap.
 * Older ones may be missing, where they failed and a newer one of their symbol went through.
 */
async function collect(client: LineClient, wanted: string[], after: number): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < wanted.length; ) {
    const { what, sequence } = parseTick(await client.next());
    const at = wanted.indexOf(what, i);
    assert.ok(at >= i, `${what} after ${wanted[i - 1]}`);
    i = at + 1;
    seen.push(what);
    assert.equal(sequence, after + seen.length, 'no gap, no tick twice');
  }
  return seen;
}
