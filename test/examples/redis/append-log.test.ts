import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { openLog } from '#examples/redis/replay.js';
import { rewriteLog } from '#examples/redis/rewrite.js';
import { Server } from '#examples/redis/server.js';
import { startExample } from './lib/example.ts';
import { commandsOf, families } from './lib/random-commands.ts';
import { encode, RawClient } from './lib/raw-client.ts';

const main = fileURLToPath(new URL('../../../examples/redis/main.js', import.meta.url));

function logFile(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'gopark-redis-log-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'log.aof');
}

/** The program itself, so that it can be killed. */
async function run(
  t: TestContext,
  path: string,
  sync: string,
): Promise<{ child: ChildProcess; exit: Promise<unknown>; client: RawClient; greeting: string }> {
  const args = [main, '--port', '0', '--appendonly', path, '--appendfsync', sync];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: greeting } = await lines.next();
  const { value: ready } = await lines.next();
  const port = Number(/:(\d+)$/.exec(ready as string)![1]);
  return { child, exit, client: await RawClient.connect({ port }), greeting: greeting as string };
}

/** All that a server holds. */
function contents(server: Server): unknown {
  return server.databases.map((db) =>
    db.keys
      .all()
      .filter((entry) => !db.isOver(entry))
      .map(({ key, value, expiresAt }) => [key, expiresAt, shown(value)])
      .sort(([a], [b]) => (a! < b! ? -1 : 1)),
  );
}

function shown(value: ReturnType<Server['databases'][number]['get']>): unknown {
  if (typeof value !== 'object') return value;
  if (value.kind === 'list') return Array.from({ length: value.length }, (_, i) => value.at(i));
  if (value.kind === 'set') return [...value.keys()].sort();
  if (value.kind === 'hash') {
    return value.fields
      .all()
      .map((field) => [field.key, field.value])
      .sort(([a], [b]) => (a! < b! ? -1 : 1));
  }
  return [...value.range(0, value.length)].map(({ member, score }) => [member, score]);
}

test('kill -9: with appendfsync always, everything that was answered is there again', async (t) => {
  const path = logFile(t);
  const { child, exit, client } = await run(t, path, 'always');
  let answered = 0;
  let sent = 0;
  for (; answered < 300; ) {
    for (let i = 0; i < 10; i++) client.send(encode(['RPUSH', 'list', String(sent++)]));
    answered = Number((await client.reply())!.slice(1));
  }
  child.kill('SIGKILL');
  for (let reply = await client.reply(); reply !== null; reply = await client.reply()) {
    answered = Number(reply.slice(1));
  }
  await exit;
  const again = await run(t, path, 'always');
  const length = Number((await again.client.call('LLEN', 'list'))!.slice(1));
  assert.ok(length >= answered && length <= sent, `${length} elements, ${answered} answered, ${sent} sent`);
  assert.equal(
    await again.client.call('LINDEX', 'list', '-1'),
    `$${String(length - 1).length}\r\n${length - 1}\r\n`,
  );
  again.client.close();
});

test('SIGTERM: with everysec nothing is lost either', async (t) => {
  const path = logFile(t);
  const { child, exit, client } = await run(t, path, 'everysec');
  for (let i = 0; i < 1000; i++) client.send(encode(['INCR', 'n']));
  for (let i = 0; i < 1000; i++) await client.reply();
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  const again = await run(t, path, 'everysec');
  assert.match(again.greeting, /: 1001 commands$/);
  assert.equal(await again.client.call('GET', 'n'), '$4\r\n1000\r\n');
  again.client.close();
});

test('the log makes the same contents again, whatever was done', async (t) => {
  const path = logFile(t);
  for (const family of Object.keys(families)) {
    writeFileSync(path, '');
    const { server, port } = await startExample(t, { appendSync: 'no' });
    await openLog(server, path);
    const client = await RawClient.connect({ port });
    const commands = fc.sample(commandsOf(family), { numRuns: 1500, seed: 7 });
    const extra = ['a', 'b', 'c'].flatMap((key) => [
      ['SPOP', key],
      ['GETEX', key, 'EX', '1000'],
      ['SET', key, 'v', 'PX', '1'],
    ]);
    const all = [...commands, ['DISCARD'], ...extra, ...commands.slice(0, 300), ['DISCARD']];
    for (const command of all) client.send(encode(command));
    for (const _ of all) await client.reply();
    client.close();
    const { log } = server;
    await log!.close();
    const copy = new Server({ appendSync: 'no' });
    const { cut } = await openLog(copy, path);
    assert.equal(cut, 0);
    for (const one of [server, copy]) {
      one.now = server.readClock();
      one.log = null;
      for (const db of one.databases) db.expireSome(Number.POSITIVE_INFINITY);
    }
    assert.deepEqual(contents(copy), contents(server), family);
    await rewriteLog(copy, path);
    const again = new Server({ appendSync: 'no' });
    await openLog(again, path);
    assert.deepEqual(contents(again), contents(server), `${family}, written anew`);
    await again.log!.close();
    copy.stop();
    again.stop();
  }
});

test('a torn end is cut off, wherever it was torn, a transaction whole', async (t) => {
  const path = logFile(t);
  const whole = Buffer.concat(
    [
      ['select', '0'],
      ['set', 'a', '1'],
      ['incr', 'a'],
    ].map(encode),
  );
  const unfinished = Buffer.concat([['multi'], ['incr', 'a'], ['set', 'b', '2'], ['exec']].map(encode));
  for (let length = 0; length < unfinished.length; length++) {
    writeFileSync(path, Buffer.concat([whole, unfinished.subarray(0, length)]));
    const server = new Server({ appendSync: 'no' });
    const { cut } = await openLog(server, path);
    assert.equal(cut, length);
    assert.equal(server.databases[0]!.get('a'), '2');
    await server.log!.close();
    assert.equal(statSync(path).size, whole.length);
  }
  appendFileSync(path, unfinished);
  const server = new Server({ appendSync: 'no' });
  await openLog(server, path);
  assert.equal(server.databases[0]!.get('a'), '3');
  await server.log!.close();
});

test('what is no log is refused and left as it is', async (t) => {
  const path = logFile(t);
  const good = encode(['set', 'a', '1']);
  const bad = ['hello\r\n', '*1\r\n!', '*1\r\n$3\r\nfoo\r\n', '*2\r\n$3\r\nget\r\n', '\0\0\0\0\n'].map(
    (text) => Buffer.from(text),
  );
  for (const garbage of [...bad, encode(['incr', 'list'])]) {
    const all = Buffer.concat([good, encode(['rpush', 'list', 'x']), garbage, good]);
    writeFileSync(path, all);
    await assert.rejects(openLog(new Server(), path), { name: 'LogError' }, JSON.stringify(String(garbage)));
    assert.deepEqual(readFileSync(path), all);
  }
  truncateSync(path, 0);
});

test('a log that says the same again and again is written anew at the start', async (t) => {
  const path = logFile(t);
  writeFileSync(
    path,
    Buffer.concat([encode(['select', '3']), ...new Array(50_000).fill(encode(['incr', 'n']))]),
  );
  const { size } = statSync(path);
  const first = new Server({ appendSync: 'no' });
  assert.deepEqual(await openLog(first, path), { commands: 50_001, size, cut: 0, rewritten: true });
  first.log!.append(3, ['incr', 'n']);
  await first.log!.close();
  assert.ok(statSync(path).size < 200);
  const second = new Server({ appendSync: 'no' });
  const { rewritten } = await openLog(second, path);
  assert.equal(rewritten, false);
  assert.equal(second.databases[3]!.get('n'), '50001');
  await second.log!.close();
});
