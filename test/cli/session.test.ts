import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { GatewayProcess } from './lib/gateway-process.ts';
import { LineClient } from './lib/line-client.ts';

describe('gateway: a session', { timeout: 60_000 }, () => {
  let gateway: GatewayProcess;
  const clients: LineClient[] = [];
  const client = async () => {
    const made = await LineClient.connect(gateway.port);
    clients.push(made);
    return made;
  };
  before(async () => {
    gateway = await GatewayProcess.start(['--max-errors', '100']);
  });
  after(async () => {
    await Promise.all(clients.map((one) => one.close()));
    const { code, stderr } = await gateway.stop();
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });

  test('PING', async () => {
    assert.equal(await (await client()).ask('PING'), 'PONG');
  });

  test('orders are acknowledged with growing numbers', async () => {
    const trader = await client();
    const first = await trader.ask('ORD a-1 BUY ACME 10 101.25');
    const second = await trader.ask('ORD a-2 SELL ACME 0.5 7');
    const numbers = [first, second].map((line, i) =>
      Number(RegExp(`^ACK a-${i + 1} (\\d+)$`).exec(line)?.[1]),
    );
    assert.ok(numbers[0]! > 0 && numbers[1]! > numbers[0]!, `${first}, ${second}`);
  });

  for (const [why, line, answer] of [
    ['a side', 'ORD x HOLD ACME 1 1', 'REJ x bad side'],
    ['a symbol', 'ORD x BUY acme 1 1', 'REJ x bad symbol'],
    ['no quantity', 'ORD x BUY ACME 0 1', 'REJ x bad quantity'],
    ['a negative price', 'ORD x BUY ACME 1 -1', 'REJ x bad price'],
    ['a price in words', 'ORD x BUY ACME 1 1e9', 'REJ x bad price'],
  ] as const) {
    test(`an order is rejected: ${why}`, async () => {
      assert.equal(await (await client()).ask(line), answer);
    });
  }

  for (const line of [
    '',
    ' ',
    'ping',
    'HELO',
    'PING PONG',
    'ORD',
    'ORD 1 BUY ACME 1',
    'FEED ACME',
    'FEED ACME x',
    'SUB',
    'SUB ',
    'SUB A,,B',
    'SUB THIS-SYMBOL-IS-TOO-LONG',
    'ORD <id> BUY ACME 1 1',
    'GET / HTTP/1.1',
    '\x1b[2J',
    '\xff\x00',
  ]) {
    test(`malformed: ${JSON.stringify(line)}`, async () => {
      const sender = await client();
      assert.match(await sender.ask(line), /^ERR [ -~]+$/);
      assert.equal(await sender.ask('PING'), 'PONG', 'the session goes on');
    });
  }

  test('subscriptions are counted, prices arrive', async () => {
    const [one, two, publisher] = [await client(), await client(), await client()];
    assert.equal(await one.ask('SUB T.A,T.B'), 'OK SUB 2');
    assert.equal(await one.ask('SUB T.A'), 'OK SUB 2', 'a second time changes nothing');
    assert.equal(await two.ask('SUB T.B'), 'OK SUB 1');
    const began = Date.now();
    publisher.send('FEED T.A 1.5', 'FEED T.B 2', 'FEED T.C 3');
    const a = /^TICK T\.A 1\.5 (\d+)$/.exec(await one.next());
    assert.ok(Number(a?.[1]) >= began && Number(a?.[1]) <= Date.now());
    assert.match(await one.next(), /^TICK T\.B 2 \d+$/);
    assert.match(await two.next(), /^TICK T\.B 2 \d+$/);
    assert.equal(await publisher.ask('PING'), 'PONG', 'FEED has no answer');
    assert.equal(await one.ask('UNSUB T.B,T.X'), 'OK UNSUB 1');
    publisher.send('FEED T.B 4', 'FEED T.A 5');
    assert.match(await one.next(), /^TICK T\.A 5 \d+$/);
    assert.match(await two.next(), /^TICK T\.B 4 \d+$/);
  });

  test('who leaves is forgotten', async () => {
    const [watcher, visitor] = [await client(), await client()];
    const { symbols, subscriptions } = await watcher.stats();
    await visitor.ask('SUB GONE.1,GONE.2');
    assert.equal((await watcher.stats()).symbols, symbols! + 2);
    await visitor.close();
    await watcher.statsWhen((s) => s.symbols === symbols && s.subscriptions === subscriptions);
  });

  test('a publisher that is its own subscriber gets replies and ticks in the order of its lines', async () => {
    const both = await client();
    both.send('PING', 'SUB SELF', 'FEED SELF 1', 'PING', 'FEED SELF 2', 'UNSUB SELF', 'PING');
    const lines: string[] = [];
    while (lines.length < 7) lines.push((await both.next()).replace(/ \d{13}$/, ''));
    assert.deepEqual(lines, ['PONG', 'OK SUB 1', 'TICK SELF 1', 'PONG', 'TICK SELF 2', 'OK UNSUB 0', 'PONG']);
  });

  test('lines in pieces, with CRLF, and many at a time', async () => {
    const typist = await client();
    typist.socket.setNoDelay(true);
    for (const byte of 'PING\r\n') {
      typist.socket.write(byte);
      await new Promise(setImmediate);
    }
    assert.equal(await typist.next(), 'PONG');
    typist.send(...Array.from({ length: 5000 }, (_, i) => `ORD n${i} BUY ACME 1 1`));
    for (let i = 0; i < 5000; i++) assert.match(await typist.next(), RegExp(`^ACK n${i} `));
  });

  test('half close: what was asked for is answered', async () => {
    const asking = await client();
    asking.socket.end('PING\nORD last BUY ACME 1 1\nPING');
    const lines = await asking.rest();
    assert.equal(lines.length, 2);
    assert.equal(lines[0], 'PONG');
    assert.match(lines[1]!, /^ACK last \d+$/);
  });

  const noNc = spawnSync('nc', ['-h']).error === undefined ? false : 'nc is not installed';
  test('nc', { skip: noNc }, async () => {
    const nc = spawn('nc', ['127.0.0.1', String(gateway.port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const lines = createInterface({ input: nc.stdout })[Symbol.asyncIterator]();
      nc.stdin.write('SUB NC.1\nORD nc-1 BUY NC.1 10 2.5\nFEED NC.1 99.5\n');
      assert.equal((await lines.next()).value, 'OK SUB 1');
      assert.match((await lines.next()).value, /^ACK nc-1 \d+$/);
      assert.match((await lines.next()).value, /^TICK NC\.1 99\.5 \d+$/);
    } finally {
      nc.kill();
      await once(nc, 'exit');
    }
  });
});
