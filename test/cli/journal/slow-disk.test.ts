import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { filePoolStats } from 'gopark/os';
import { Gateway } from '#dist/cli/gateway/gateway.js';
import { defaultOptions, type GatewayOptions } from '#dist/cli/gateway/options.js';
import { stillPending, turns } from '../../lib/waiting.ts';
import { directoryOf, SlowDisk } from '../../os/lib.ts';
import { LineClient } from '../lib/line-client.ts';
import { ordersIn } from './lib.ts';

const order = (id: string) => `ORD ${id} BUY ACME 10 101.25`;

/** A gateway in this process, whose disk the test holds. */
async function gatewayIn(
  t: TestContext,
  options: Partial<GatewayOptions> = {},
): Promise<{ gateway: Gateway; path: string; client(): Promise<LineClient> }> {
  const path = join(directoryOf(t), 'j');
  const journal = { path, mode: 'async', sync: 'batch', rotateSize: null } as const;
  const gateway = await Gateway.start({ ...defaultOptions, address: '127.0.0.1:0', journal, ...options });
  return { gateway, path, client: () => LineClient.connect(gateway.addr.port) };
}

describe('gateway: a disk that hangs', { timeout: 110_000 }, () => {
  // The test's own writes to stdout are file operations, too, on some systems: let them be done.
  before(() => turns(2));
  after(() => turns(2));

  test('holds up nobody but those whose orders it has', async (t) => {
    const { gateway, path, client } = await gatewayIn(t);
    const [trader, other, listener] = [await client(), await client(), await client()];
    for (const { socket } of [other, listener]) socket.setNoDelay(true);
    assert.equal(await trader.ask(order('before')), 'ACK before 1');
    const disk = new SlowDisk(t, ['datasync']);
    trader.send('PING', order('1'), order('2'), 'PING');
    assert.equal(await trader.next(), 'PONG', 'the reply before the orders waits for nothing');
    const first = trader.next();
    await disk.next();
    await stillPending(first, 'the reply to an order that waits');
    assert.equal(await listener.ask('SUB ACME'), 'OK SUB 1');
    for (let i = 0; i < 200; i++) {
      assert.equal(await other.ask('PING'), 'PONG');
      other.send(`FEED ACME ${i + 1}`);
      assert.match(await listener.next(), RegExp(`^TICK ACME ${i + 1} `));
    }
    assert.equal(disk.held.length, 1);
    assert.ok(filePoolStats().inFlight <= 1);
    disk.releaseAll();
    assert.deepEqual([await first, await trader.next()], ['ACK 1 2', 'ACK 2 3']);
    assert.equal(await trader.next(), 'PONG');
    await Promise.all([trader, other, listener].map((one) => one.close()));
    const ending = gateway.shutdown();
    disk.releaseAll();
    await ending;
    assert.equal(ordersIn(path).length, 3);
  });

  test('stops reading orders when the queue is full, and loses none', async (t) => {
    const { gateway, path, client } = await gatewayIn(t);
    const disk = new SlowDisk(t, ['datasync']);
    const other = await client();
    const traders = await Promise.all(Array.from({ length: 4 }, client));
    const each = 6000;
    for (const [c, trader] of traders.entries()) {
      trader.send(...Array.from({ length: each }, (_, i) => order(`${c}-${i}`)));
    }
    await disk.next();
    // Each waits for its first orders: nobody reads further.
    const { lines } = await other.statsWhen((stats) => stats.lines! > 4 * 100);
    assert.ok(lines! < (4 * each) / 2, `${lines} lines were read`);
    const held = () => disk.releaseAll();
    const releasing = setInterval(held, 1);
    await Promise.all(
      traders.map(async (trader, c) => {
        for (let i = 0; i < each; i++) assert.match(await trader.next(), RegExp(`^ACK ${c}-${i} \\d+$`));
      }),
    );
    await Promise.all([other, ...traders].map((one) => one.close()));
    await gateway.shutdown();
    clearInterval(releasing);
    assert.equal(ordersIn(path).length, 4 * each);
  });

  test('requests behind orders are read and answered in their order, also after a half close', async (t) => {
    const { gateway, path, client } = await gatewayIn(t);
    const trader = await client();
    const disk = new SlowDisk(t, ['datasync']);
    trader.send(order('1'));
    await disk.next();
    // In batches of their own, while the first one is on its way.
    trader.send(order('2'), 'PING', 'SUB ACME', 'FEED ACME 5', order('3'), 'ORD 4 BUY x 1 1');
    trader.socket.end();
    const first = trader.next();
    await stillPending(first, 'the first reply');
    const releasing = setInterval(() => disk.releaseAll(), 1);
    const lines = [await first];
    while (lines.length < 7) lines.push((await trader.next()).replace(/ \d{13}$/, ''));
    assert.deepEqual(lines, [
      'ACK 1 1',
      'ACK 2 2',
      'PONG',
      'OK SUB 1',
      'TICK ACME 5',
      'ACK 3 3',
      'REJ 4 bad symbol',
    ]);
    await trader.close();
    await gateway.shutdown();
    clearInterval(releasing);
    assert.equal(ordersIn(path).length, 3);
  });

  test('the time that the disk takes is not the silence of a peer', async (t) => {
    const idleTimeout = 200;
    const { gateway, client } = await gatewayIn(t, { idleTimeout });
    const [trader, silent] = [await client(), await client()];
    const disk = new SlowDisk(t, ['datasync']);
    assert.equal(await silent.ask('PING'), 'PONG');
    trader.send(order('1'));
    const reply = trader.next();
    await disk.next();
    // Began after the order was read, so the trader would have been sent away before it.
    assert.equal(await silent.next(), 'ERR timeout');
    await stillPending(reply, 'the reply');
    disk.releaseAll();
    assert.equal(await reply, 'ACK 1 1');
    assert.equal(await trader.next(), 'ERR timeout', 'from then on its silence counts');
    await Promise.all([trader, silent].map((one) => one.close()));
    await gateway.shutdown();
  });

  test('an error of the disk: REJ for those, and from then on for all', async (t) => {
    const { gateway, path, client } = await gatewayIn(t);
    const trader = await client();
    assert.equal(await trader.ask(order('1')), 'ACK 1 1');
    const stderr = t.mock.method(console, 'error', () => {});
    const disk = new SlowDisk(t, ['datasync']);
    const second = trader.ask(order('2'));
    (await disk.next()).release(
      Object.assign(new Error('EIO'), { code: 'EIO', errno: -5, syscall: 'fdatasync' }),
    );
    assert.equal(await second, 'REJ 2 not journaled');
    assert.equal(await trader.ask(order('3')), 'REJ 3 not journaled');
    assert.equal(await trader.ask('PING'), 'PONG');
    assert.equal(stderr.mock.callCount(), 1, 'the operator is told, once');
    assert.match(String(stderr.mock.calls[0]!.arguments[0]), /1 orders were rejected: .*i\/o error/);
    await trader.close();
    await gateway.shutdown();
    assert.deepEqual(
      ordersIn(path).map(({ id }) => id),
      ['1'],
    );
  });
});
