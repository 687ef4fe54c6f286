import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { History } from '#dist/cli/gateway/history.js';
import { natsOptions } from '#dist/cli/gateway/nats/options.js';
import { stillToSend } from '#dist/cli/gateway/nats/publisher.js';
import { subjectOf, symbolOf } from '#dist/cli/gateway/nats/subjects.js';
import { UsageError } from '#dist/cli/gateway/usage.js';
import { directoryOf } from '../../os/lib.ts';
import { GatewayProcess, runGateway } from '../lib/gateway-process.ts';
import { LineClient } from '../lib/line-client.ts';
import { NatsServer, needsNats } from './lib.ts';

const dist = fileURLToPath(new URL('../../../../dist', import.meta.url));

describe('gateway: NATS', { timeout: 60_000 }, () => {
  test('options', () => {
    assert.equal(natsOptions({}), null);
    assert.deepEqual(natsOptions({ nats: 'nats://a:1,tls://b', 'nats-stream': 'X', 'nats-history': '5' }), {
      servers: 'nats://a:1,tls://b',
      stream: 'X',
      history: 5,
    });
    for (const values of [
      { 'nats-stream': 'X' },
      { 'nats-history': '1' },
      { nats: 'here' },
      { nats: 'http://a' },
      { nats: 'nats://a', 'nats-stream': 'a.b' },
      { nats: 'nats://a', 'nats-history': '0' },
      { nats: 'nats://a', 'nats-history': '1000001' },
    ]) {
      assert.throws(() => natsOptions(values), UsageError, JSON.stringify(values));
    }
  });

  test('no server: said at once, exit code 1', async () => {
    for (const procs of ['1', '2']) {
      const args = ['--listen', '127.0.0.1:0', '--max-connections', '100', '--procs', procs];
      const { code, stdout, stderr } = await runGateway([
        ...args,
        '--nats',
        'nats://secret:word@127.0.0.1:1',
      ]);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /no NATS server at 127\.0\.0\.1:1: /);
      assert.doesNotMatch(stderr, /secret|word|\n {4}at /);
    }
  });

  test('no client: said what to install', (t) => {
    const directory = directoryOf(t);
    cpSync(dist, join(directory, 'dist'), { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    const main = join(directory, 'dist/cli/main.js');
    const args = [main, 'gateway', '--listen', '127.0.0.1:0', '--max-connections', '100'];
    const { status, stderr } = spawnSync(process.execPath, [...args, '--nats', 'nats://127.0.0.1:1'], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /--nats needs the NATS client: npm install @nats-io\/transport-node @nats-io\/jetstream\n/,
    );
  });

  test('without NATS ticks have no numbers', async () => {
    await GatewayProcess.with([], async ({ port }) => {
      const client = await LineClient.connect(port);
      assert.equal(await client.ask('SUB A 0'), 'ERR ticks have no numbers here');
      assert.equal(await client.ask('SUB A x'), 'ERR bad number');
      assert.equal(await client.ask('UNSUB A 1'), 'ERR expected UNSUB SYM[,SYM...]');
      assert.equal(await client.ask('SUB A 1 2'), 'ERR expected SUB SYM[,SYM...] [seq]');
      await client.close();
    });
  });

  test('what came before: as far as it is kept, and not before it is there', needsNats, async (t) => {
    const nats = await NatsServer.start(t);
    const args = ['--nats', nats.url, '--nats-history', '10', '--nats-stream', 'SMALL'];
    await GatewayProcess.with(args, async ({ port }) => {
      const client = await LineClient.connect(port);
      assert.equal(await client.ask('SUB X'), 'OK SUB 1');
      client.send(...Array.from({ length: 30 }, (_, i) => `FEED ${i % 2 === 0 ? 'X' : 'Y'} ${i + 1}`));
      for (let i = 1; i <= 15; i++)
        assert.match(await client.next(), RegExp(`^TICK X ${2 * i - 1} \\d+ ${2 * i - 1}$`));
      // The last one was of Y.
      let reply = await client.ask('SUB Y 30');
      while (reply.startsWith('ERR not there yet')) reply = await client.ask('SUB Y 30');
      assert.equal(reply, 'OK SUB 2');
      assert.equal(await client.ask('SUB Y 31'), 'ERR not there yet, the last tick is 30');
      assert.equal(await client.ask('SUB Y 19'), 'ERR gone, ticks are kept after 20');
      client.send('SUB Y 20');
      for (let n = 22; n <= 30; n += 2) assert.match(await client.next(), RegExp(`^TICK Y ${n} \\d+ ${n}$`));
      assert.equal(await client.next(), 'OK SUB 2');
      await client.close();
    });
    // What a gateway is started with is the end of the stream.
    await GatewayProcess.with(args, async ({ port }) => {
      const client = await LineClient.connect(port);
      let reply = await client.ask('SUB Y 29');
      while (reply.startsWith('ERR not there yet')) reply = await client.ask('SUB Y 29');
      assert.match(reply, /^TICK Y 30 \d+ 30$/);
      assert.equal(await client.next(), 'OK SUB 1');
      assert.equal(await client.ask('SUB Y 19'), 'ERR gone, ticks are kept after 20');
      await client.close();
    });
  });

  test('symbols and subjects', () => {
    for (const symbol of ['A', 'A.B', '.A', 'A..B', '-_.'])
      assert.equal(symbolOf('S', subjectOf('S', symbol)), symbol);
    assert.equal(subjectOf('S', 'A..B'), 'S.A//B');
  });

  test('what failed is sent again, unless something newer of its symbol went through', () => {
    const window = ['A', 'B', 'A', 'C', 'B'].map((symbol, i) => ({ symbol, i }));
    const left = (arrived: boolean[]) => stillToSend(window, arrived).map(({ i }) => i);
    assert.deepEqual(left([true, true, true, true, true]), []);
    assert.deepEqual(left([false, false, false, false, false]), [0, 1, 2, 3, 4]);
    assert.deepEqual(left([false, true, true, false, false]), [3, 4]);
    assert.deepEqual(left([true, false, false, false, false]), [1, 2, 3, 4]);
  });

  test('history: the last ones, and where it begins', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.record({ gap: fc.boolean(), symbol: fc.constantFrom('A', 'B') }), {
          maxLength: 60,
          size: 'max',
        }),
        (capacity, steps) => {
          const history = new History(capacity, 100);
          let model: { symbol: string; sequence: number }[] = [];
          let first = 100;
          let last = 100;
          for (const { gap, symbol } of steps) {
            if (gap && last % 7 === 0) {
              last += 5;
              model = [];
              first = last;
            }
            last++;
            history.add(symbol, last, `${symbol}${last}`);
            model.push({ symbol, sequence: last });
            if (model.length > capacity) first = model.shift()!.sequence;
            assert.deepEqual([history.first, history.last], [first, last]);
            for (let after = first; after <= last; after++) {
              const wanted = model.filter((one) => one.symbol === 'A' && one.sequence > after);
              assert.deepEqual(
                history.since(after, new Set(['A'])),
                wanted.map(({ sequence }) => `A${sequence}`),
              );
            }
          }
        },
      ),
    );
  });
});
