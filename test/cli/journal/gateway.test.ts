import assert from 'node:assert/strict';
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { journalOptions } from '#dist/cli/gateway/journal/options.js';
import { UsageError } from '#dist/cli/gateway/usage.js';
import { directoryOf } from '../../os/lib.ts';
import { GatewayProcess, runGateway } from '../lib/gateway-process.ts';
import { LineClient } from '../lib/line-client.ts';
import { journalCommand, ordersIn } from './lib.ts';
import { journalSuite } from './suite.ts';

const order = (id: string) => `ORD ${id} BUY ACME 10 101.25`;

for (const mode of ['async', 'blocking'] as const) journalSuite(mode, 1);

describe('gateway: the journal', { timeout: 110_000 }, () => {
  test('a torn end is reported and cut', async (t) => {
    const path = join(directoryOf(t), 'j');
    await GatewayProcess.with(['--journal', path], async (gateway) => {
      const trader = await LineClient.connect(gateway.port);
      assert.equal(await trader.ask(order('1')), 'ACK 1 1');
      await trader.close();
    });
    appendFileSync(path, Buffer.from([30, 0, 0, 0, 1, 2, 3]));
    const gateway = await GatewayProcess.start(['--journal', path]);
    const trader = await LineClient.connect(gateway.port);
    assert.equal(await trader.ask(order('2')), 'ACK 2 2');
    await trader.close();
    const { stdout, code } = await gateway.stop();
    assert.equal(code, 0);
    assert.match(
      stdout,
      /1 orders, the next is 2; cut off 7 bytes of no whole record at \d+, kept in .*j\.cut-/,
    );
    assert.equal(ordersIn(path).length, 2);
  });

  test('a second gateway is refused; after kill -9 the next one is not', async (t) => {
    const path = join(directoryOf(t), 'j');
    const gateway = await GatewayProcess.start(['--journal', path]);
    const second = await runGateway([
      '--listen',
      '127.0.0.1:0',
      '--max-connections',
      '400',
      '--journal',
      path,
    ]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /another process writes this journal/);
    gateway.signal('SIGKILL');
    await gateway.ended();
    await GatewayProcess.with(['--journal', path], async () => {});
  });

  test('rotation: no number is lost or twice', async (t) => {
    const directory = directoryOf(t);
    const path = join(directory, 'j');
    const options = ['--journal', path, '--journal-rotate', '1000', '--sync', 'never'];
    for (let round = 0; round < 2; round++) {
      await GatewayProcess.with(options, async (gateway) => {
        const trader = await LineClient.connect(gateway.port);
        for (let i = 1; i <= 60; i++) {
          assert.equal(await trader.ask(order(`o${i}`)), `ACK o${i} ${round * 60 + i}`);
        }
        await trader.close();
      });
    }
    const names = readdirSync(directory).filter((name) => name.startsWith('j.2'));
    assert.ok(names.length > 3);
    const all = [...names.sort(), 'j'].flatMap((name) => ordersIn(join(directory, name)));
    assert.deepEqual(
      all.map(({ sequence }) => sequence),
      Array.from({ length: 120 }, (_, i) => i + 1),
    );
    assert.match(journalCommand('cat', path).lines[0]!, /^begin \d+ \d{13}$/);
  });

  test('shutdown: orders that are on their way to the disk are answered first', async (t) => {
    const path = join(directoryOf(t), 'j');
    const gateway = await GatewayProcess.start(['--journal', path]);
    const watcher = await LineClient.connect(gateway.port);
    const trader = await LineClient.connect(gateway.port);
    trader.send(...Array.from({ length: 300 }, (_, i) => order(`o${i}`)));
    await watcher.statsWhen(({ lines }) => lines! > 10);
    const { code, stderr } = await gateway.stop();
    assert.deepEqual([code, stderr], [0, '']);
    const replies = await trader.rest();
    assert.equal(replies.pop(), 'ERR shutting down');
    const kept = ordersIn(path);
    for (const [i, reply] of replies.entries()) assert.equal(reply, `ACK o${i} ${kept[i]!.sequence}`);
  });

  test('bad options', () => {
    for (const values of [
      { sync: 'batch' },
      { 'journal-mode': 'async' },
      { 'journal-rotate': '1000' },
      { journal: '' },
      { journal: 'j', sync: 'always' },
      { journal: 'j', sync: '0' },
      { journal: 'j', 'journal-mode': 'fast' },
      { journal: 'j', 'journal-mode': 'blocking', 'journal-rotate': '1000' },
      { journal: 'j', 'journal-rotate': 'x' },
    ]) {
      assert.throws(() => journalOptions(values), UsageError, JSON.stringify(values));
    }
    assert.equal(journalOptions({}), null);
    assert.deepEqual(journalOptions({ journal: 'j', sync: '50', 'journal-rotate': '1000' }), {
      path: 'j',
      mode: 'async',
      sync: 50,
      rotateSize: 1000,
    });
  });
});
