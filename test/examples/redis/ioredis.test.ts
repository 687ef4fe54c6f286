import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { startExample } from './lib/example.ts';
import { RawClient } from './lib/raw-client.ts';

function connect(t: TestContext, port: number, options: { password?: string } = {}): Redis {
  const redis = new Redis({ host: '127.0.0.1', port, ...options });
  t.after(() => redis.disconnect());
  return redis;
}

test('ioredis: values of every type come back', async (t) => {
  const { port } = await startExample(t);
  const redis = connect(t, port);
  await redis.set('string', 'value', 'EX', 100);
  await redis.rpush('list', 'a', 'b', 'c');
  await redis.hset('hash', { one: '1', two: '2' });
  await redis.sadd('set', 'x', 'y');
  await redis.zadd('zset', 1.5, 'low', 2, 'high');
  assert.equal(await redis.get('string'), 'value');
  assert.equal(await redis.ttl('string'), 100);
  assert.deepEqual(await redis.lrange('list', 0, -1), ['a', 'b', 'c']);
  assert.deepEqual(await redis.hgetall('hash'), { one: '1', two: '2' });
  assert.deepEqual((await redis.smembers('set')).sort(), ['x', 'y']);
  assert.deepEqual(await redis.zrange('zset', '0', '-1', 'WITHSCORES'), ['low', '1.5', 'high', '2']);
});

test('ioredis: bytes that are no text, and more than one read brings', async (t) => {
  const { port } = await startExample(t);
  const redis = connect(t, port);
  const bytes = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 31) ^ (i >> 8)));
  await redis.set('bytes', bytes);
  await redis.append('bytes', bytes.subarray(0, 1000));
  const found = await redis.getBuffer('bytes');
  assert.ok(found?.equals(Buffer.concat([bytes, bytes.subarray(0, 1000)])));
  assert.equal(await redis.strlen('bytes'), 3_001_000);
});

test('ioredis: a pipeline of 20,000 commands, answered in their order', async (t) => {
  const { port } = await startExample(t);
  const redis = connect(t, port);
  const pipeline = redis.pipeline();
  for (let i = 0; i < 10_000; i++) pipeline.set(`key:${i}`, i).get(`key:${i}`);
  const results = await pipeline.exec();
  assert.ok(results !== null);
  for (let i = 0; i < 10_000; i++) {
    assert.deepEqual(results[i * 2], [null, 'OK']);
    assert.deepEqual(results[i * 2 + 1], [null, String(i)]);
  }
  const seen = new Set<string>();
  for await (const keys of redis.scanStream({ match: 'key:*', count: 100 })) {
    for (const key of keys as string[]) seen.add(key);
  }
  assert.equal(seen.size, 10_000);
});

test('ioredis: MULTI, and WATCH that somebody spoils', async (t) => {
  const { port } = await startExample(t);
  const redis = connect(t, port);
  const other = connect(t, port);
  const results = await redis.multi().set('a', '1').incr('a').lpush('a', 'x').get('a').exec();
  assert.deepEqual(
    results!.map(([error, value]) => error?.message ?? value),
    ['OK', 2, 'WRONGTYPE Operation against a key holding the wrong kind of value', '2'],
  );
  await redis.watch('a');
  await other.incr('a');
  assert.equal(await redis.multi().set('a', 'mine').exec(), null);
  await redis.watch('a');
  assert.deepEqual(await redis.multi().set('a', 'mine').exec(), [[null, 'OK']]);
});

test('ioredis: channels and patterns', async (t) => {
  const { port, server } = await startExample(t);
  const redis = connect(t, port);
  const listening = connect(t, port);
  assert.equal(await listening.subscribe('news', 'weather'), 2);
  assert.equal(await listening.psubscribe('n?ws'), 3);
  const message = once(listening, 'message');
  const matched = once(listening, 'pmessage');
  assert.equal(await redis.publish('news', 'hello'), 2);
  assert.deepEqual(await message, ['news', 'hello']);
  assert.deepEqual(await matched, ['n?ws', 'news', 'hello']);
  assert.equal(await redis.publish('nothing', 'hello'), 0);
  await listening.unsubscribe('news');
  assert.deepEqual(await redis.pubsub('CHANNELS'), ['weather']);
  listening.disconnect();
  await once(listening, 'end');
  // The server learns of it by an event of its own.
  while (server.pubsub.channels.size > 0) await new Promise(setImmediate);
});

test('ioredis: a list that is waited for', async (t) => {
  const { port } = await startExample(t);
  const redis = connect(t, port);
  const waiting = connect(t, port);
  const second = connect(t, port);
  const popped = waiting.blpop('empty', 'jobs', 0);
  while (!String(await redis.info('clients')).includes('blocked_clients:1')) await new Promise(setImmediate);
  const moved = second.blmove('jobs', 'done', 'RIGHT', 'LEFT', 0);
  while (!String(await redis.info('clients')).includes('blocked_clients:2')) await new Promise(setImmediate);
  assert.equal(await redis.rpush('jobs', 'first', 'second', 'third'), 3);
  assert.deepEqual(await popped, ['jobs', 'first']);
  assert.equal(await moved, 'third');
  assert.deepEqual(await redis.lrange('jobs', 0, -1), ['second']);
  assert.deepEqual(await redis.lrange('done', 0, -1), ['third']);
  assert.equal(await waiting.blpop('empty', 0.01), null);
  assert.deepEqual(await redis.multi().blpop('empty', 0).exec(), [[null, null]]);
});

test('ioredis: a password', async (t) => {
  const { port } = await startExample(t, { password: 'secret' });
  const redis = connect(t, port, { password: 'secret' });
  assert.equal(await redis.set('a', '1'), 'OK');
  const stranger = await RawClient.connect({ port });
  t.after(() => stranger.close());
  assert.equal(await stranger.call('GET', 'a'), '-NOAUTH Authentication required.\r\n');
  assert.match((await stranger.call('AUTH', 'guess'))!, /^-WRONGPASS /);
  assert.equal(await stranger.call('AUTH', 'secret'), '+OK\r\n');
  assert.equal(await stranger.call('GET', 'a'), '$1\r\n1\r\n');
});
