import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { needs } from '../../lib/needs.ts';
import { directoryOf } from '../../os/lib.ts';
import { GatewayProcess } from '../lib/gateway-process.ts';
import { LineClient } from '../lib/line-client.ts';
import { ordersIn } from './lib.ts';

const order = (id: string) => `ORD ${id} BUY ACME 10 101.25`;

/** What a gateway with a journal does, however it is written and however many Ps serve. */
export function journalSuite(mode: 'async' | 'blocking', procs: number): void {
  const several = procs > 1 ? { ...needs('leases'), timeout: 180_000 } : { timeout: 110_000 };
  describe(`gateway: the journal, ${mode}${procs > 1 ? `, ${procs} Ps` : ''}`, several, () => {
    const args = (path: string, ...more: string[]) => [
      ...['--journal', path, '--journal-mode', mode],
      ...(procs > 1 ? ['--procs', String(procs)] : []),
      ...more,
    ];

    for (const sync of ['batch', 'never', '5']) {
      test(`sync ${sync}: orders are in it, and numbers go on after a restart`, async (t) => {
        const path = join(directoryOf(t), 'j');
        await GatewayProcess.with(args(path, '--sync', sync), async (gateway) => {
          const trader = await LineClient.connect(gateway.port);
          assert.equal(await trader.ask(order('a-1')), 'ACK a-1 1');
          assert.equal(await trader.ask(order('a-2')), 'ACK a-2 2');
          assert.equal(await trader.ask('ORD bad BUY ACME 0 1'), 'REJ bad bad quantity');
          const { orders, rejects, notJournaled } = await trader.stats();
          assert.deepEqual([orders, rejects, notJournaled], [2, 1, 0]);
          await trader.close();
        });
        assert.equal(statSync(path).mode & 0o777, 0o600);
        await GatewayProcess.with(args(path), async (gateway) => {
          const trader = await LineClient.connect(gateway.port);
          assert.equal(await trader.ask(order('b-1')), 'ACK b-1 3');
          await trader.close();
        });
        assert.deepEqual(ordersIn(path), [
          { sequence: 1, id: 'a-1' },
          { sequence: 2, id: 'a-2' },
          { sequence: 3, id: 'b-1' },
        ]);
      });
    }

    test('replies keep their order, whatever waits for the disk', async (t) => {
      const path = join(directoryOf(t), 'j');
      await GatewayProcess.with(args(path), async (gateway) => {
        const both = await LineClient.connect(gateway.port);
        both.send(
          'SUB SELF',
          order('1'),
          'PING',
          'FEED SELF 1',
          order('2'),
          'ORD 3 BUY x 1 1',
          'FEED SELF 2',
          'x',
          order('4'),
        );
        const lines: string[] = [];
        while (lines.length < 9) lines.push((await both.next()).replace(/ \d{13}$/, ''));
        const expected = [
          'OK SUB 1',
          'ACK 1 1',
          'PONG',
          'TICK SELF 1',
          'ACK 2 2',
          'REJ 3 bad symbol',
          'TICK SELF 2',
          'ERR unknown command',
          'ACK 4 3',
        ];
        if (procs === 1) {
          assert.deepEqual(lines, expected);
        } else {
          // A tick goes to all Ps first: it comes when it comes, but in its order.
          const isTick = (line: string) => line.startsWith('TICK');
          assert.deepEqual(lines.filter(isTick), expected.filter(isTick));
          const isReply = (line: string) => !isTick(line);
          assert.deepEqual(lines.filter(isReply), expected.filter(isReply));
        }
        await both.close();
      });
    });

    test('many at once, pipelined', async (t) => {
      const path = join(directoryOf(t), 'j');
      const each = 1000;
      await GatewayProcess.with(args(path, '--sync', 'never'), async (gateway) => {
        const clients = await Promise.all(Array.from({ length: 5 }, () => LineClient.connect(gateway.port)));
        await Promise.all(
          clients.map(async (client, c) => {
            client.send(...Array.from({ length: each }, (_, i) => order(`${c}-${i}`)));
            for (let i = 0; i < each; i++) assert.match(await client.next(), RegExp(`^ACK ${c}-${i} \\d+$`));
          }),
        );
        await Promise.all(clients.map((client) => client.close()));
      });
      const orders = ordersIn(path);
      assert.deepEqual(
        orders.map(({ sequence }) => sequence),
        Array.from({ length: 5 * each }, (_, i) => i + 1),
      );
    });

    test('half close, too many errors: what was asked for is answered', async (t) => {
      const path = join(directoryOf(t), 'j');
      await GatewayProcess.with(args(path, '--max-errors', '2'), async (gateway) => {
        const leaving = await LineClient.connect(gateway.port);
        leaving.socket.end(`${order('last')}\nPING\n`);
        assert.deepEqual(await leaving.rest(), ['ACK last 1', 'PONG']);
        const bad = await LineClient.connect(gateway.port);
        bad.send(order('1'), 'x', 'y', order('2'));
        const expected = ['ACK 1 2', 'ERR unknown command', 'ERR unknown command', 'ERR too many errors'];
        assert.deepEqual(await bad.rest(), expected);
      });
      assert.equal(ordersIn(path).length, 2);
    });

    test('a disk that is full: REJ, never ACK; ACK again when there is room', async (t) => {
      const directory = directoryOf(t);
      mkdirSync(join(directory, 'small'));
      const small = join(directory, 'small');
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'none', small]);
      if (mounted.status !== 0) {
        t.skip('no tmpfs can be mounted here');
        return;
      }
      try {
        await fillUp(t, small, args(join(small, 'j'), '--sync', 'batch'));
      } finally {
        spawnSync('umount', ['-l', small]);
      }
    });

    async function fillUp(_t: TestContext, small: string, options: string[]): Promise<void> {
      writeFileSync(join(small, 'ballast'), Buffer.alloc(8192));
      const gateway = await GatewayProcess.start(options);
      const trader = await LineClient.connect(gateway.port);
      const acknowledged: string[] = [];
      let rejected = 0;
      for (let i = 0; rejected < 20; i++) {
        const reply = await trader.ask(order(`o${i}`));
        if (reply.startsWith('ACK')) {
          assert.equal(rejected, 0);
          acknowledged.push(`o${i}`);
        } else {
          assert.equal(reply, `REJ o${i} not journaled`);
          rejected++;
        }
      }
      const { orders, rejects, notJournaled } = await trader.stats();
      assert.deepEqual([orders, rejects, notJournaled], [acknowledged.length, 20, 20]);
      assert.deepEqual(
        ordersIn(join(small, 'j')).map(({ id }) => id),
        acknowledged,
        'whole records only',
      );
      unlinkSync(join(small, 'ballast'));
      assert.match(await trader.ask(order('again')), /^ACK again \d+$/);
      await trader.close();
      const { code, stderr } = await gateway.stop();
      assert.equal(code, 0);
      assert.match(stderr, /the journal failed, 1 orders were rejected: .*no space left on device/);
      assert.deepEqual(
        ordersIn(join(small, 'j')).map(({ id }) => id),
        [...acknowledged, 'again'],
      );
    }

    test('a limit for the size of files: REJ, never ACK', async (t) => {
      const path = join(directoryOf(t), 'j');
      const gateway = await GatewayProcess.start(args(path), '-f 16');
      const trader = await LineClient.connect(gateway.port);
      trader.send(...Array.from({ length: 600 }, (_, i) => order(`o${i}`)));
      const acknowledged: string[] = [];
      for (let i = 0; i < 600; i++) {
        const reply = await trader.next();
        if (reply.startsWith('ACK')) acknowledged.push(`o${i}`);
        else assert.equal(reply, `REJ o${i} not journaled`);
      }
      // One more that is rejected: a single pipelined batch may not have fitted as a whole.
      while ((await trader.ask(order('x'))).startsWith('ACK')) acknowledged.push('x');
      await trader.close();
      const { code, stderr } = await gateway.stop();
      assert.equal(code, 0);
      assert.match(stderr, /file too large/i);
      assert.deepEqual(
        ordersIn(path).map(({ id }) => id),
        acknowledged,
      );
    });
  });
}
