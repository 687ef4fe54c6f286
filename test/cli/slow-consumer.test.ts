import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needs } from '../lib/needs.ts';
import { GatewayProcess } from './lib/gateway-process.ts';
import { LineClient } from './lib/line-client.ts';

const SYMBOLS = ['SLOW.A', 'SLOW.B', 'SLOW.C'];
// Without the small buffer the kernel takes megabytes before a connection is slow.
const small = ['--send-buffer', '4096', '--queue-limit', '16'];

/** Feeds growing prices until the counters satisfy `enough`; the last price of each symbol. */
async function feedUntil(
  publisher: LineClient,
  enough: (stats: Record<string, number>) => boolean,
): Promise<number> {
  for (let price = 1; ; price++) {
    for (let i = 0; i < 300; i++, price++)
      publisher.send(...SYMBOLS.map((symbol) => `FEED ${symbol} ${price}`));
    publisher.send(...SYMBOLS.map((symbol) => `FEED ${symbol} ${price}`));
    if (enough(await publisher.stats())) return price;
  }
}

describe('gateway: slow consumers', { timeout: 60_000 }, () => {
  test(
    'conflated to the latest price of each symbol; nobody else notices',
    needs('bufferSizes'),
    async () => {
      await GatewayProcess.with([...small, '--write-timeout', '60000'], async ({ port }) => {
        const slow = await LineClient.connect(port, { reading: false });
        const [quick, publisher] = [await LineClient.connect(port), await LineClient.connect(port)];
        slow.send(`SUB ${SYMBOLS}`);
        assert.equal(await quick.ask(`SUB ${SYMBOLS}`), 'OK SUB 3');
        await publisher.statsWhen(({ subscriptions }) => subscriptions === 6);
        const last = await feedUntil(publisher, ({ conflated }) => conflated! > 1000);
        slow.read();
        const seen = new Map<string, number>();
        let ticks = 0;
        assert.equal(await slow.next(), 'OK SUB 3');
        while (SYMBOLS.some((symbol) => seen.get(symbol) !== last)) {
          const [, symbol, price] = (await slow.next()).split(' ');
          assert.ok(Number(price) > (seen.get(symbol!) ?? 0), 'never an older price after a newer one');
          seen.set(symbol!, Number(price));
          ticks++;
        }
        assert.ok(ticks < last * SYMBOLS.length - 1000, `${ticks} of ${last * SYMBOLS.length}`);
        const stats = await publisher.stats();
        assert.equal(stats.droppedSlow, 0);
        assert.equal(stats.ticksOut! + stats.conflated!, 2 * stats.ticksIn!, 'every tick is accounted for');
        for (let price = 1; price <= last; ) {
          for (const symbol of SYMBOLS) {
            const tick = (await quick.next()).split(' ');
            assert.deepEqual(tick.slice(0, 2), ['TICK', symbol]);
            price = Number(tick[2]) + 1;
          }
        }
        assert.equal(await slow.ask('PING'), 'PONG', 'it is a client like any other again');
      });
    },
  );

  test('dropped when nothing goes for the write timeout, and counted', async () => {
    await GatewayProcess.with([...small, '--write-timeout', '300'], async ({ port }) => {
      const slow = await LineClient.connect(port, { reading: false });
      const publisher = await LineClient.connect(port);
      slow.send(`SUB ${SYMBOLS}`);
      await publisher.statsWhen(({ subscriptions }) => subscriptions === 3);
      await feedUntil(publisher, ({ droppedSlow }) => droppedSlow === 1);
      const stats = await publisher.statsWhen(({ connections }) => connections === 1);
      assert.ok(stats.conflated! > 0);
      assert.deepEqual([stats.droppedSlow, stats.subscriptions, stats.symbols], [1, 0, 0]);
      slow.read();
      await slow.closed;
    });
  });

  test('who asks without reading the answers is not read from, then dropped', async () => {
    await GatewayProcess.with([...small, '--write-timeout', '300'], async (gateway) => {
      const asking = await LineClient.connect(gateway.port, { reading: false });
      const before = gateway.memory();
      const questions = 'STATS\n'.repeat(10_000);
      const more = () => {
        while (!asking.socket.destroyed && asking.socket.write(questions));
      };
      asking.socket.on('drain', more);
      more();
      const witness = await LineClient.connect(gateway.port);
      await witness.statsWhen(({ droppedSlow }) => droppedSlow === 1);
      assert.ok(gateway.memory() - before < 48 * 2 ** 20, `${gateway.memory() - before} bytes more`);
      await asking.close();
    });
  });
});
