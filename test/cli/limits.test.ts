import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GatewayProcess, runGateway } from './lib/gateway-process.ts';
import { LineClient } from './lib/line-client.ts';

describe('gateway: limits', { timeout: 60_000 }, () => {
  test('connections from one address, and in all', async () => {
    await GatewayProcess.with(['--max-per-address', '2', '--max-connections', '3'], async ({ port }) => {
      const inside = [await LineClient.connect(port), await LineClient.connect(port)];
      for (const client of inside) assert.equal(await client.ask('PING'), 'PONG');
      const third = await LineClient.connect(port);
      assert.deepEqual(await third.rest(), ['ERR too many connections']);
      const elsewhere = await LineClient.connect(port, { from: '127.0.0.2' });
      assert.equal(await elsewhere.ask('PING'), 'PONG');
      const fourth = await LineClient.connect(port, { from: '127.0.0.3' });
      assert.deepEqual(await fourth.rest(), ['ERR too many connections']);
      const stats = await elsewhere.stats();
      assert.deepEqual([stats.connections, stats.accepted, stats.refused], [3, 3, 2]);
      await inside[0]!.close();
      await elsewhere.statsWhen(({ connections }) => connections === 2);
      const next = await LineClient.connect(port);
      assert.equal(await next.ask('PING'), 'PONG', 'a place that became free is given again');
    });
  });

  test('time to the first line: neither silence nor single bytes extend it', async () => {
    await GatewayProcess.with(['--first-line-timeout', '300'], async ({ port }) => {
      const good = await LineClient.connect(port);
      assert.equal(await good.ask('PING'), 'PONG');
      const [silent, dripping] = [await LineClient.connect(port), await LineClient.connect(port)];
      const drip = setInterval(() => dripping.socket.write('x'), 20);
      assert.deepEqual(await silent.rest(), ['ERR timeout']);
      await dripping.closed;
      clearInterval(drip);
      assert.equal((await good.statsWhen((s) => s.connections === 1)).droppedIdle, 2);
    });
  });

  test('idle: only who sends lines stays', async () => {
    await GatewayProcess.with(['--idle-timeout', '400'], async ({ port }) => {
      const [busy, idle] = [await LineClient.connect(port), await LineClient.connect(port)];
      assert.equal(await idle.ask('SUB A'), 'OK SUB 1');
      let open = true;
      const ended = idle.rest().finally(() => {
        open = false;
      });
      while (open) assert.equal(await busy.ask('PING'), 'PONG');
      assert.deepEqual(await ended, ['ERR timeout']);
      assert.equal((await busy.stats()).droppedIdle, 1);
    });
  });

  test('a line of 4096 bytes is one, a longer one ends the session', async () => {
    await GatewayProcess.with([], async ({ port }) => {
      for (const end of ['\n', '\r\n']) {
        const client = await LineClient.connect(port);
        client.socket.write(`${'x'.repeat(4096)}${end}`);
        assert.equal(await client.next(), 'ERR unknown command');
        client.socket.write(`${'x'.repeat(4097)}${end}PING\n`);
        assert.deepEqual(await client.rest(), ['ERR line too long']);
      }
      const client = await LineClient.connect(port);
      client.socket.write('x'.repeat(5000));
      assert.deepEqual(await client.rest(), ['ERR line too long'], 'its end is not waited for');
    });
  });

  test('too many errors', async () => {
    await GatewayProcess.with(['--max-errors', '3'], async ({ port }) => {
      const client = await LineClient.connect(port);
      client.send('A', 'B', 'PING', 'C', 'PING');
      assert.deepEqual(await client.rest(), [
        'ERR unknown command',
        'ERR unknown command',
        'PONG',
        'ERR unknown command',
        'ERR too many errors',
      ]);
      const witness = await LineClient.connect(port);
      assert.equal((await witness.stats()).droppedErrors, 1);
    });
  });

  test('subscriptions of a connection, symbols of the market', async () => {
    await GatewayProcess.with(['--max-subscriptions', '2', '--max-symbols', '3'], async ({ port }) => {
      const [one, two] = [await LineClient.connect(port), await LineClient.connect(port)];
      assert.equal(await one.ask('SUB A,B'), 'OK SUB 2');
      assert.equal(await one.ask('SUB C'), 'ERR too many subscriptions');
      assert.equal(await two.ask('SUB C'), 'OK SUB 1');
      assert.equal(await two.ask('SUB D'), 'ERR too many symbols');
      assert.equal(await two.ask('SUB A'), 'OK SUB 2', 'a symbol that is there costs nothing');
      assert.equal(await one.ask('UNSUB B'), 'OK UNSUB 1');
      assert.equal(await one.ask('SUB D'), 'OK SUB 2', 'a symbol without subscribers is none');
    });
  });

  for (const args of [['--listen', '127.0.0.1:0'], ['--demo']]) {
    test(`too few descriptors: said before anything starts (${args[0]})`, async () => {
      // Enough for Node to open all of the program's files at once, and no more.
      const { code, stdout, stderr } = await runGateway(args, 160);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /may open only 160/);
      assert.match(stderr, /ulimit -n \d+/);
    });
  }

  test('a port that is taken', async () => {
    await GatewayProcess.with([], async ({ port }) => {
      const { code, stdout, stderr } = await runGateway(['--listen', `127.0.0.1:${port}`]);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, RegExp(`^gopark: listen tcp 127\\.0\\.0\\.1:${port}: [^\n]*\n$`));
    });
  });

  for (const [args, complaint] of [
    [['--max-connections', 'many'], /--max-connections: expected a whole number.*"many"/],
    [['--nonsense'], /nonsense/],
    [['--listen', 'nowhere'], /nowhere/],
  ] as const) {
    test(`a bad command line: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runGateway(args);
      assert.notEqual(code, 0);
      assert.equal(stdout, '');
      assert.match(stderr, complaint);
      assert.doesNotMatch(stderr, /\n {4}at /, 'no stack for a user');
      assert.doesNotMatch(stderr, /gopark <command>/, 'nor a list of other commands');
    });
  }
});
