import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { runtime } from 'gopark/runtime';
import { limits } from '#examples/redis/protocol/limits.js';
import { startExample } from './lib/example.ts';
import { encode, RawClient } from './lib/raw-client.ts';
import { lacksTool } from './lib/real-redis.ts';

function closeAll(...clients: RawClient[]): void {
  for (const client of clients) client.close();
}

test('redis-cli: a session', { skip: lacksTool('redis-cli') }, async (t) => {
  const { port } = await startExample(t);
  const child = spawn('redis-cli', ['-p', String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(
    'set greeting "hello world"\nget greeting\nlpush l a b\nlrange l 0 -1\nhello 3\nhset h f v\nhgetall h\nnonsense\n',
  );
  let output = '';
  for await (const text of child.stdout.setEncoding('utf8')) output += text;
  assert.match(output, /^OK\nhello world\n2\nb\na\n/);
  assert.match(output, /proto 3\n/);
  assert.match(output, /\n1\nf v\nERR unknown command 'nonsense', with args beginning with: \n\n$/);
});

test('redis-cli --scan sees every key', { skip: lacksTool('redis-cli') }, async (t) => {
  const { port } = await startExample(t);
  const client = await RawClient.connect({ port });
  t.after(() => client.close());
  for (let i = 0; i < 500; i++) client.send(encode(['SET', `k${i}`, 'x']));
  for (let i = 0; i < 500; i++) assert.equal(await client.reply(), '+OK\r\n');
  const child = spawn('redis-cli', ['-p', String(port), '--scan'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const text of child.stdout.setEncoding('utf8')) output += text;
  assert.equal(new Set(output.trim().split('\n')).size, 500);
});

test('a peer that asks, ends its stream and reads: everything is answered', async (t) => {
  const { port } = await startExample(t);
  const client = await RawClient.connect({ port });
  t.after(() => client.close());
  client.send(encode(['SET', 'a', 'x'.repeat(100_000)]));
  for (let i = 0; i < 30; i++) client.send(encode(['GET', 'a']));
  client.end();
  const text = await client.rest();
  assert.equal(text.length, 5 + 30 * 100_011);
});

test('whoever does not read its answers is not read from, and holds little', async (t) => {
  const { port, server } = await startExample(t);
  const client = await RawClient.connect({ port });
  t.after(() => client.close());
  client.send(encode(['SET', 'a', 'x'.repeat(1_000_000)]));
  assert.equal(await client.reply(), '+OK\r\n');
  client.pause();
  const request = encode(['GET', 'a']);
  for (let i = 0; i < 300; i++) client.send(request);
  const other = await RawClient.connect({ port });
  t.after(() => other.close());
  // Others are served meanwhile; what waits for the slow one stays bounded.
  for (let i = 0; i < 50; i++) assert.equal(await other.call('PING'), '+PONG\r\n');
  const { stats } = server;
  assert.ok(stats.commands < 200, `${stats.commands} commands have run`);
  for (const { transport } of server.clients.values()) assert.ok(transport.queued < 8_000_000);
});

test('a subscriber that does not read is let go; the others hear everything', async (t) => {
  const { port, server } = await startExample(t, { outputLimit: 1_000_000 });
  const [slow, quick, publisher] = await Promise.all([0, 1, 2].map(() => RawClient.connect({ port })));
  t.after(() => closeAll(slow!, quick!, publisher!));
  for (const client of [slow!, quick!]) await client.call('SUBSCRIBE', 'c');
  slow!.pause();
  const message = 'm'.repeat(100_000);
  let receivers = 2;
  let sent = 0;
  for (; receivers === 2; sent++) {
    assert.ok(sent < 1000, 'it was never let go');
    receivers = Number((await publisher!.call('PUBLISH', 'c', message))!.slice(1));
    assert.match((await quick!.reply())!, /^\*3\r\n\$7\r\nmessage\r\n/);
  }
  assert.equal(receivers, 1);
  assert.equal(server.stats.droppedClients, 1);
});

test('a client that ends while it waits leaves nothing behind', async (t) => {
  const { port, server } = await startExample(t);
  const waiting = await RawClient.connect({ port });
  waiting.send(encode(['BLPOP', 'jobs', '0']));
  while (server.blocked.size === 0) await new Promise(setImmediate);
  waiting.close();
  while (server.clients.size > 0) await new Promise(setImmediate);
  assert.equal(server.blocked.size, 0);
  const other = await RawClient.connect({ port });
  t.after(() => other.close());
  assert.equal(await other.call('RPUSH', 'jobs', 'a'), ':1\r\n');
  assert.equal(await other.call('LLEN', 'jobs'), ':1\r\n');
});

test('commands behind a BLPOP run when it has ended', async (t) => {
  const { port, server } = await startExample(t);
  const waiting = await RawClient.connect({ port });
  const other = await RawClient.connect({ port });
  t.after(() => closeAll(waiting, other));
  waiting.send(
    Buffer.concat([encode(['BLPOP', 'jobs', '0']), encode(['SET', 'after', '1']), encode(['PING'])]),
  );
  while (server.blocked.size === 0) await new Promise(setImmediate);
  assert.equal(await other.call('EXISTS', 'after'), ':0\r\n');
  assert.equal(await other.call('RPUSH', 'jobs', 'a'), ':1\r\n');
  assert.equal(await waiting.reply(), '*2\r\n$4\r\njobs\r\n$1\r\na\r\n');
  assert.equal(await waiting.reply(), '+OK\r\n');
  assert.equal(await waiting.reply(), '+PONG\r\n');
  waiting.send(encode(['BRPOP', 'jobs', '0']));
  while (server.blocked.size === 0) await new Promise(setImmediate);
  const id = [...server.clients.keys()][0]!;
  assert.equal(await other.call('CLIENT', 'UNBLOCK', String(id), 'ERROR'), ':1\r\n');
  assert.equal(await waiting.reply(), '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
});

test('a client that waits for a list is not troubled by a key of another kind', async (t) => {
  const { port, server } = await startExample(t);
  const waiting = await RawClient.connect({ port });
  const other = await RawClient.connect({ port });
  t.after(() => closeAll(waiting, other));
  waiting.send(encode(['BLPOP', 'a', 'b', '0']));
  while (server.blocked.size === 0) await new Promise(setImmediate);
  assert.equal(await other.call('ZADD', 'a', '1', 'm'), ':1\r\n');
  assert.equal(server.blocked.size, 1);
  // Put there and taken away again within one transaction: nothing has come.
  for (const command of [['MULTI'], ['RPUSH', 'b', 'x'], ['DEL', 'b'], ['EXEC']])
    await other.call(...command);
  assert.equal(server.blocked.size, 1);
  assert.equal(await other.call('RPUSH', 'b', 'x'), ':1\r\n');
  assert.equal(await waiting.reply(), '*2\r\n$1\r\nb\r\n$1\r\nx\r\n');
});

test('keys end by themselves, whether somebody looks or not', async (t) => {
  const { port, server } = await startExample(t);
  const client = await RawClient.connect({ port });
  t.after(() => client.close());
  for (let i = 0; i < 3000; i++) client.send(encode(['SET', `k${i}`, 'v', 'PX', String(1 + (i % 20))]));
  for (let i = 0; i < 3000; i++) assert.equal(await client.reply(), '+OK\r\n');
  await client.call('SET', 'stays', 'v');
  const [db] = server.databases;
  while (db!.size > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(server.stats.expired, 3000);
  assert.equal(await client.call('GET', 'k1'), '$-1\r\n');
  assert.equal(await client.call('DBSIZE'), ':1\r\n');
});

test('errors of the protocol are told, and end the connection', async (t) => {
  const { port } = await startExample(t);
  const client = await RawClient.connect({ port });
  client.send('*1\r\n$4\r\nPING\r\n*1\r\n!');
  assert.equal(await client.reply(), '+PONG\r\n');
  assert.equal(await client.reply(), "-ERR Protocol error: expected '$', got '!'\r\n");
  assert.equal(await client.reply(), null);
});

test('QUIT, and a web page that talks to us', async (t) => {
  const { port } = await startExample(t);
  const client = await RawClient.connect({ port });
  client.send(Buffer.concat([encode(['QUIT']), encode(['SET', 'a', 'b'])]));
  assert.equal(await client.rest(), '+OK\r\n');
  const page = await RawClient.connect({ port });
  page.send('POST / HTTP/1.1\r\nHost: localhost\r\n\r\nset a b\r\n');
  assert.equal(await page.rest(), '');
  const other = await RawClient.connect({ port });
  t.after(() => other.close());
  assert.equal(await other.call('EXISTS', 'a'), ':0\r\n');
});

test('no more clients than allowed', async (t) => {
  const { port, server } = await startExample(t, { maxClients: 2 });
  const clients = await Promise.all([0, 1].map(() => RawClient.connect({ port })));
  for (const client of clients) assert.equal(await client.call('PING'), '+PONG\r\n');
  const third = await RawClient.connect({ port });
  assert.equal(await third.rest(), '-ERR max number of clients reached\r\n');
  clients[0]!.close();
  while (server.clients.size > 1) await new Promise(setImmediate);
  const fourth = await RawClient.connect({ port });
  assert.equal(await fourth.call('PING'), '+PONG\r\n');
  t.after(() => closeAll(...clients, fourth));
});

test('CLIENT LIST and KILL', async (t) => {
  const { port } = await startExample(t);
  const [one, other] = await Promise.all([0, 1].map(() => RawClient.connect({ port })));
  t.after(() => one!.close());
  await other!.call('CLIENT', 'SETNAME', 'victim');
  const list = (await one!.call('CLIENT', 'LIST'))!;
  const id = /id=(\d+) addr=127\.0\.0\.1:\d+ \S+ name=victim /.exec(list)?.[1];
  assert.ok(id !== undefined, list);
  assert.equal(await one!.call('CLIENT', 'KILL', 'ID', id), ':1\r\n');
  assert.equal(await other!.reply(), null);
});

test('a transaction without end is refused before it fills the memory', async (t) => {
  const { port } = await startExample(t);
  const client = await RawClient.connect({ port });
  const { request } = limits;
  limits.request = 1000;
  t.after(() => {
    limits.request = request;
    client.close();
  });
  assert.equal(await client.call('MULTI'), '+OK\r\n');
  assert.equal(await client.call('SET', 'a', 'x'.repeat(900)), '+QUEUED\r\n');
  assert.equal(await client.call('SET', 'b', 'x'.repeat(900)), '-ERR transaction too long\r\n');
  assert.match((await client.call('EXEC'))!, /^-EXECABORT /);
  assert.equal(await client.call('EXISTS', 'a'), ':0\r\n');
});

test('a defect ends the connection that found it; nobody sees what it had written', async (t) => {
  const { port, server } = await startExample(t);
  const [victim, other] = await Promise.all([0, 1].map(() => RawClient.connect({ port })));
  t.after(() => closeAll(victim!, other!));
  await other!.call('SET', 'a', 'secret');
  const { onPanic } = runtime;
  const errors: unknown[] = [];
  runtime.onPanic = (error) => errors.push(error);
  t.after(() => {
    runtime.onPanic = onPanic;
  });
  const db = server.databases[0]!;
  const get = db.get.bind(db);
  t.mock.method(db, 'get', (key: string) => {
    if (key === 'defect') throw new RangeError('on purpose');
    return get(key);
  });
  assert.equal(await victim!.call('MGET', 'a', 'defect'), null);
  assert.equal(await other!.call('PING'), '+PONG\r\n');
  assert.equal(server.current, null);
  assert.deepEqual(
    errors.map((error) => (error as Error).message),
    ['on purpose'],
  );
});

test('peers that send anything and go in any way leave nothing behind', async (t) => {
  const { port, server } = await startExample(t);
  const pieces = fc.constantFrom(
    ...[
      '*1\r\n',
      '*3\r\n',
      '$3\r\n',
      '$100000\r\n',
      'SET',
      '\r\n',
      '*1000000\r\n',
      '$500000000\r\n',
      '\0\xff',
    ],
    ...[
      'MULTI\r\n',
      'SUBSCRIBE a\r\n',
      'PUBLISH a b\r\n',
      'BLPOP l 0\r\n',
      'LPUSH l x\r\n',
      'HELLO 3\r\n',
      'WATCH l\r\n',
    ],
  );
  const life = fc.tuple(fc.array(pieces, { maxLength: 12 }), fc.constantFrom('end', 'close'));
  for (const lives of fc.sample(fc.array(life, { minLength: 10, maxLength: 10 }), {
    numRuns: 30,
    seed: 11,
  })) {
    await Promise.all(
      lives.map(async ([sent, how]) => {
        const client = await RawClient.connect({ port });
        for (const piece of sent) client.send(piece);
        if (how === 'end') client.end();
        else client.close();
        await client.rest();
      }),
    );
  }
  while (server.clients.size > 0) await new Promise(setImmediate);
  assert.deepEqual(
    [server.blocked.size, server.pubsub.channels.size, server.databases[0]!.observed],
    [0, 0, false],
  );
  const client = await RawClient.connect({ port });
  t.after(() => client.close());
  assert.equal(await client.call('PING'), '+PONG\r\n');
});
