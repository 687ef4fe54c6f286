import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needs } from '../../lib/needs.ts';
import { GatewayProcess, runGateway } from '../lib/gateway-process.ts';
import { LineClient } from '../lib/line-client.ts';
import { CROWD, closeAll, crowd } from './lib.ts';

const TWO = ['--procs', '2'];

describe('gateway: several Ps', { ...needs('leases'), timeout: 120_000 }, () => {
  test('what is published at one P arrives at all, in the same order for everybody', async () => {
    const PUBLISHERS = 4;
    const EACH = 200;
    const gateway = await GatewayProcess.start(TWO);
    const clients = await crowd(gateway.port);
    for (const client of clients) assert.equal(await client.ask('SUB A,B'), 'OK SUB 2');
    const publishers = await crowd(gateway.port, PUBLISHERS);
    for (let i = 0; i < EACH; i++) {
      for (const [p, publisher] of publishers.entries())
        publisher.send(`FEED ${i % 2 === 0 ? 'A' : 'B'} ${p + 1}.${i + 1}`);
    }
    const seen: string[][] = [];
    for (const client of clients) {
      const ticks: string[] = [];
      while (ticks.length < PUBLISHERS * EACH) ticks.push(await client.next());
      seen.push(ticks);
    }
    for (const ticks of seen) assert.deepEqual(ticks, seen[0]);
    for (let p = 1; p <= PUBLISHERS; p++) {
      const own = seen[0]!.filter((tick) => tick.split(' ')[2]!.startsWith(`${p}.`));
      assert.deepEqual(
        own.map((tick) => tick.split(' ').slice(0, 3).join(' ')),
        Array.from({ length: EACH }, (_, i) => `TICK ${i % 2 === 0 ? 'A' : 'B'} ${p}.${i + 1}`),
      );
    }
    const { ticksIn, ticksOut } = await clients[0]!.stats();
    assert.deepEqual([ticksIn, ticksOut], [PUBLISHERS * EACH, PUBLISHERS * EACH * CROWD]);
    await closeAll([...clients, ...publishers]);
    const { code, stdout, stderr } = await gateway.stop();
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^2 Ps: P 0 in thread \d+, P 1 in thread \d+$/m);
  });

  test('STATS: all Ps together, whoever is asked', async () => {
    await GatewayProcess.with(TWO, async ({ port }) => {
      const clients = await crowd(port);
      for (const [i, client] of clients.entries()) {
        assert.match(await client.ask(`ORD o-${i} BUY ACME 1 1`), /^ACK/);
        assert.equal(await client.ask('SUB ACME'), 'OK SUB 1');
      }
      for (const client of clients) {
        const { connections, accepted, orders, subscriptions } = await client.stats();
        assert.deepEqual([connections, accepted, orders, subscriptions], Array(4).fill(CROWD));
      }
      await closeAll(clients.slice(1));
      await clients[0]!.statsWhen(
        ({ connections, subscriptions }) => connections === 1 && subscriptions === 1,
      );
      await clients[0]!.close();
    });
  });

  test('without a journal: numbers of orders are unique over all Ps', async () => {
    const EACH = 300;
    await GatewayProcess.with(TWO, async ({ port }) => {
      const clients = await crowd(port);
      const numbers = await Promise.all(
        clients.map(async (client, c) => {
          client.send(...Array.from({ length: EACH }, (_, i) => `ORD ${c}-${i} BUY ACME 1 1`));
          const mine: number[] = [];
          for (let i = 0; i < EACH; i++) {
            const [what, id, number] = (await client.next()).split(' ');
            assert.deepEqual([what, id], ['ACK', `${c}-${i}`]);
            mine.push(Number(number));
          }
          return mine;
        }),
      );
      const all = numbers.flat().sort((a, b) => a - b);
      assert.deepEqual(
        all,
        Array.from({ length: CROWD * EACH }, (_, i) => i + 1),
      );
      await closeAll(clients);
    });
  });

  test('--max-connections and --max-per-address count over all Ps', async () => {
    await GatewayProcess.with(
      [...TWO, '--max-connections', '10', '--max-per-address', '6'],
      async ({ port }) => {
        const clients: LineClient[] = [];
        const tryOne = async (from: string) => {
          const client = await LineClient.connect(port, { from });
          client.send('PING');
          if ((await client.next()) !== 'PONG') return false;
          clients.push(client);
          return true;
        };
        let admitted = 0;
        for (let i = 0; i < 12; i++) if (await tryOne('127.0.0.1')) admitted++;
        assert.equal(admitted, 6);
        for (let i = 0; i < 12; i++) if (await tryOne('127.0.0.2')) admitted++;
        assert.equal(admitted, 10);
        const witness = clients.pop()!;
        assert.equal((await witness.stats()).refused, 14);
        await closeAll(clients.splice(0));
        await witness.statsWhen(({ connections }) => connections === 1);
        assert.ok(await tryOne('127.0.0.1'));
        await closeAll([witness, ...clients]);
      },
    );
  });

  test('SIGTERM: everybody gets what is queued, then the end', async () => {
    const gateway = await GatewayProcess.start(TWO);
    const [witness, ...clients] = await crowd(gateway.port);
    for (const client of clients) {
      client.send(...Array.from({ length: 100 }, (_, i) => `ORD ${i} BUY ACME 1 1`));
    }
    await witness!.statsWhen(({ orders }) => orders === clients.length * 100);
    const ending = gateway.stop();
    for (const client of clients) {
      const lines = await client.rest();
      assert.equal(lines.pop(), 'ERR shutting down');
      assert.equal(lines.length, 100);
    }
    assert.deepEqual(await witness!.rest(), ['ERR shutting down']);
    const { code, stdout, stderr } = await ending;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, RegExp(`SIGTERM: draining ${CROWD} connections`));
  });

  test('a port that is taken, too many Ps', async () => {
    await GatewayProcess.with(TWO, async ({ port }) => {
      const { code, stdout, stderr } = await runGateway(['--listen', `127.0.0.1:${port}`]);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, RegExp(`^gopark: listen tcp 127\\.0\\.0\\.1:${port}`));
    });
    assert.equal((await runGateway(['--procs', '65'])).code, 2);
  });

  test('the demo says how the work was spread', async () => {
    const args = ['--demo', ...TWO, '--connections', '50', '--seconds', '2', '--rate', '500'];
    const { code, stdout } = await runGateway(args);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^2 Ps: P 0 in thread/m);
    assert.match(stdout, /^ +Ps +P 0 \d+ connections, \d+ % busy at most; P 1 \d+ connections/m);
    const threads = Number(/OS threads +(\d+)/.exec(stdout)?.[1]);
    assert.ok(threads <= 16, `${threads} threads`);
  });
});
