import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { go, sleep } from 'gopark';
import { dump, metrics, snapshot, sockets, stack } from 'gopark/debug';
import { ArgumentRangeError, ArgumentTypeError } from 'gopark/io';
import { dial, listen, listenPacket } from 'gopark/net';
import { open } from 'gopark/os';
import { Mutex } from 'gopark/sync';
import { assertDeadlock, runChild } from '../lib/child.ts';
import { turns, until } from '../lib/waiting.ts';

describe('dump', () => {
  test('is what stack() prints, as data', async () => {
    const mutex = new Mutex();
    await mutex.lock();
    async function inner(): Promise<void> {
      await sleep(1);
      await mutex.lock();
    }
    const goroutine = go(async function settle() {
      await inner();
    });
    goroutine.label = 'settle\u001b[31m';
    const entry = await until(
      () => dump().find((one) => one.goroutine === goroutine.id && one.state === 'sync.Mutex.Lock'),
      'it waits for the lock',
    );
    // As it is: whoever shows it escapes it.
    assert.equal(entry.label, 'settle\u001b[31m');
    assert.equal(entry.certainty, 'exact');
    assert.ok(entry.waited !== null && entry.waited >= 0 && entry.waited < 60_000);
    assert.match(entry.detail, /^mutex \d+, locked/);
    assert.match(entry.createdAt, /looking\.test\.ts:\d+:\d+$/);
    assert.deepEqual(
      entry.frames.map(({ name }) => name),
      ['inner', 'settle'],
    );
    assert.match(entry.frames[0]!.source, /looking\.test\.ts:\d+:\d+$/);
    assert.ok(stack().includes(`goroutine ${goroutine.id} settle\\u{1b}[31m [sync.Mutex.Lock`));
    mutex.unlock();
    await goroutine.done;
    assert.ok(!dump().some((one) => one.goroutine === goroutine.id));
    mutex.unlock();
  });

  test('who calls it runs; who has not begun is runnable; a top level is nobody', async () => {
    let seen: ReturnType<typeof dump> = [];
    const looker = go(function look() {
      seen = dump();
    });
    const late = go(function late() {});
    await looker.done;
    assert.equal(seen.find((one) => one.goroutine === looker.id)!.state, 'running');
    assert.equal(seen.find((one) => one.goroutine === late.id)!.state, 'runnable');
    const { stdout } = await runChild(
      `import { sleep } from 'gopark'; import { dump } from 'gopark/debug';
      setImmediate(() => console.log(JSON.stringify(dump())));
      await sleep(50);`,
    );
    const [only, ...others] = JSON.parse(stdout) as ReturnType<typeof dump>;
    assert.equal(others.length, 0);
    assert.deepEqual([only!.goroutine, only!.certainty, only!.state], [null, 'unknown', 'sleep']);
    assert.equal(only!.frames[0]!.name, 'the main module');
  });
});

describe('sockets', () => {
  test('every kind with its addresses, who waits, and nothing once it is closed', async () => {
    const before = sockets({ limit: Number.POSITIVE_INFINITY }).length;
    const listener = await listen('tcp', '127.0.0.1:0');
    const dialled = await dial('tcp', String(listener.addr));
    const accepted = await listener.accept();
    const packets = await listenPacket('udp', '127.0.0.1:0');
    const reading = accepted.read(new Uint8Array(8));
    await turns(3);
    const all = sockets();
    const own = (kind: string, local: string) => all.find((one) => one.kind === kind && one.local === local);
    assert.deepEqual(own('TCPListener', String(listener.addr)), {
      kind: 'TCPListener',
      network: 'tcp',
      local: String(listener.addr),
      remote: '',
      unsent: 0,
      waits: [],
    });
    const waiting = own('TCPConn', String(accepted.localAddr))!;
    assert.equal(waiting.remote, String(dialled.localAddr));
    assert.deepEqual(
      waiting.waits.map(({ operation }) => operation),
      ['read'],
    );
    assert.ok(waiting.waits[0]!.waited >= 0 && waiting.waits[0]!.waited < 60_000);
    assert.deepEqual(own('TCPConn', String(dialled.localAddr))!.waits, []);
    assert.equal(own('UDPConn', String(packets.localAddr))!.network, 'udp');
    const { sockets: counts } = snapshot();
    assert.equal(counts.TCPListener, all.filter(({ kind }) => kind === 'TCPListener').length);
    dialled.tryWrite(new Uint8Array(5));
    const unsent = sockets().find(({ local }) => local === String(dialled.localAddr))!;
    assert.ok(unsent.unsent === 5 || unsent.unsent === 0);
    assert.equal(await reading, 5);
    assert.equal(sockets({ limit: 2 }).length, 2);
    assert.equal(sockets({ limit: 0 }).length, 0);
    for (const one of [dialled, accepted, packets, listener]) await one.close();
    assert.equal(sockets({ limit: Number.POSITIVE_INFINITY }).length, before);
    assert.throws(() => sockets({ limit: -1 }), ArgumentRangeError);
    assert.throws(() => sockets({ limit: '1' as never }), ArgumentTypeError);
  });
});

describe('snapshot', () => {
  test('looking starts nothing: no driver, no file engine, nothing that keeps a process', async () => {
    const { code, stdout, stderr } = await runChild(
      `import { dump, metrics, snapshot, sockets } from 'gopark/debug';
      const before = process.getActiveResourcesInfo().length;
      dump(); sockets(); metrics();
      const { driver, files, sockets: open, completions } = snapshot();
      console.log(JSON.stringify([driver, files, open, completions, process.getActiveResourcesInfo().length - before]));`,
    );
    assert.deepEqual([code, stderr, JSON.parse(stdout)], [0, '', [null, null, {}, 0, 0]]);
  });

  test('counts grow with what is done, and survive JSON and postMessage', async () => {
    const before = snapshot();
    const listener = await listen('tcp', '127.0.0.1:0');
    const echo = go(async () => {
      await using conn = await listener.accept();
      await conn.read(new Uint8Array(8));
    });
    await using conn = await dial('tcp', String(listener.addr));
    await conn.write(new Uint8Array(8));
    await echo.done;
    const file = await open('package.json');
    await file.read(new Uint8Array(8));
    await file.close();
    await listener.close();
    const after = snapshot();
    assert.ok(after.completions > before.completions);
    assert.ok(after.rounds > before.rounds);
    assert.ok(after.loopActive > before.loopActive);
    assert.equal(after.runtime.goroutinesStarted, before.runtime.goroutinesStarted + 1);
    assert.ok(after.files!.completed + after.files!.cached > 0);
    assert.notEqual(after.driver, null);
    assert.deepEqual(JSON.parse(JSON.stringify(after)), after);
    assert.deepEqual(structuredClone(after), after);
    // The same metrics before anything happened and after.
    const named = (of: typeof after) => metrics(of).map(({ name }) => name);
    assert.deepEqual(named({ ...after, files: null, driver: null }), named(after));
  });
});

test('a debug server keeps no process alive, and hides no deadlock', async () => {
  const start = `import { chan, go } from 'gopark'; import { startDebugServer } from 'gopark/debug';
    const { addr } = await startDebugServer('127.0.0.1:0');
    const answer = await fetch('http://' + addr + '/stats');
    console.log(answer.status, (await answer.json()).runtime.panics);`;
  const fine = await runChild(start);
  assert.deepEqual([fine.code, fine.stdout, fine.stderr], [0, '200 0\n', '']);
  const stuck = await runChild(`${start} go(async function stuck() { await chan().recv(); });`);
  assertDeadlock(stuck, /goroutine 1 stuck \[chan receive/);
});
