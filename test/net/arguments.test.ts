import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { chan, go, sleep, stats } from 'gopark';
import { configure, dial as dialConnection, EventLoop } from 'gopark/eventloop';
import { ArgumentRangeError, ArgumentTypeError } from 'gopark/io';
import {
  configureNetwork,
  DeadlineExceededError,
  Dialer,
  dial,
  inheritListener,
  joinHostPort,
  limitListener,
  listen,
  listenPacket,
  lookupHost,
  pipe,
  readProxyHeader,
  startServing,
} from 'gopark/net';
import { configureFiles, open } from 'gopark/os';
import { Cond, Mutex, Semaphore } from 'gopark/sync';
import { needs } from '../lib/needs.ts';
import { rejection } from '../lib/waiting.ts';

const folder = mkdtempSync(join(tmpdir(), 'gopark-'));
after(() => rmSync(folder, { recursive: true }));

/** What plain JavaScript can pass. */
const wrong = (value: unknown) => value as never;

describe('arguments of net', () => {
  test('a signal that is none: told by that name, at the call, which leaves nothing waiting', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    await using packets = await listenPacket('udp', '127.0.0.1:0');
    const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
    const p = new Uint8Array(4);
    const locked = new Mutex();
    await locked.lock();
    const taken = new Semaphore(1);
    await taken.acquire();
    const file = await open('package.json');
    const loop = new EventLoop({ onRequest() {} });
    const looped = await listen('tcp', '127.0.0.1:0');
    const looping = loop.serve(looped);
    const connection = await dialConnection('tcp', String(looped.addr));
    const waits = () => Object.values(stats().waits).reduce((sum, count) => sum + count, 0);
    const before = waits();
    for (const signal of ['stop', 5, {}, new AbortController(), { aborted: false }].map(wrong)) {
      for (const call of [
        () => a.read(p, { signal }),
        () => a.waitReadable({ signal }),
        () => listener.accept({ signal }),
        () => dial('tcp', String(listener.addr), { signal }),
        () => packets.receive(p, { signal }),
        () => sleep(1, { signal }),
        () => locked.lock({ signal }),
        () => taken.acquire(1, { signal }),
        () => chan().recv({ signal }),
        () => chan().send(1, { signal }),
        () => new Cond(locked).wait({ signal }),
        () => pipe()[0].read(p, { signal }),
        () => lookupHost('localhost', { signal }),
        () => dial('udp', 'localhost:9', { signal }),
        () => file.sync({ signal }),
        () => open('package.json', 'r', 0, { signal }),
        () => connection.read(p, { signal }),
      ]) {
        let calling: Promise<unknown>;
        try {
          calling = call();
        } catch (error) {
          assert.fail(`${call} throws: ${error}`);
        }
        const error = (await rejection(calling)) as Error;
        assert.ok(error instanceof ArgumentTypeError, `${call}: ${error}`);
        assert.match(error.message, /^signal must be an AbortSignal, but is /);
      }
    }
    assert.equal(waits(), before);
    // And everything still works.
    await b.write(new Uint8Array(3));
    assert.equal(await a.read(p), 3);
    assert.equal(await file.read(p), 4);
    await Promise.all([a.close(), b.close(), file.close(), connection.close()]);
    await loop.shutdown({ timeout: 1000 });
    await looping;
  });

  test('a signal of another make will do', async () => {
    class Foreign {
      aborted = false;
      reason: unknown;
      listeners = new Set<{ handleEvent(): void }>();
      addEventListener(_: string, listener: { handleEvent(): void }): void {
        this.listeners.add(listener);
      }
      removeEventListener(_: string, listener: { handleEvent(): void }): void {
        this.listeners.delete(listener);
      }
    }
    await using listener = await listen('tcp', '127.0.0.1:0');
    for (const call of [
      (signal: AbortSignal) => sleep(60_000, { signal }),
      (signal: AbortSignal) => listener.accept({ signal }),
    ]) {
      const foreign = new Foreign();
      const waiting = call(wrong(foreign));
      assert.equal(foreign.listeners.size, 1);
      foreign.aborted = true;
      foreign.reason = new Error('enough');
      for (const one of foreign.listeners) {
        foreign.listeners.delete(one); // once
        one.handleEvent();
      }
      assert.equal(await rejection(waiting), foreign.reason);
      assert.equal(foreign.listeners.size, 0);
    }
  });

  test('functions and listeners that are none are refused at the call, with a code', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    const code = 'ERR_INVALID_ARG_TYPE';
    assert.throws(() => startServing(wrong(undefined), () => {}), {
      code,
      message: /^listener must be a listener/,
    });
    assert.throws(() => startServing(listener, wrong(undefined)), {
      code,
      message: /^handler must be a function/,
    });
    assert.throws(() => limitListener(wrong({}), 1), { code, message: /^listener must be a listener/ });
    assert.throws(() => go(wrong(Promise.resolve())), { code, message: /^fn must be a function/ });
    await assert.rejects(listener.serve(wrong(undefined)), { code, message: /^fn must be a function/ });
    const loop = new EventLoop({ onRequest() {} });
    await assert.rejects(loop.serve(wrong(undefined)), { code, message: /^listener must be a listener/ });
    await assert.rejects(sleep(wrong('5')), {
      code: 'ERR_OUT_OF_RANGE',
      message: /^ms must be milliseconds/,
    });
    for (const configured of [configureNetwork, configureFiles, configure]) {
      assert.throws(() => configured(wrong(undefined)), {
        code,
        message: /^(?:settings|options) must be an object/,
      });
    }
    assert.throws(() => joinHostPort(wrong(undefined), 80), { code, message: /^host must be a string/ });
    assert.throws(() => joinHostPort('localhost', wrong(undefined)), {
      code,
      message: /^port must be a string/,
    });
    assert.equal(joinHostPort('localhost', 'http'), 'localhost:http');
  });

  test('an error shows what it knows, and nothing that it does not', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    await using conn = await dial('tcp', String(listener.addr));
    conn.setReadTimeout(0);
    const error = await rejection(conn.read(new Uint8Array(1)));
    assert.deepEqual(Object.keys(error).sort(), ['addr', 'code', 'name', 'net', 'op', 'source']);
    assert.equal(error.errno, undefined);
    const refused = await rejection(dial('tcp', '127.0.0.1:1'));
    assert.ok(Object.keys(refused).includes('errno') && !Object.keys(refused).includes('bytesUnsent'));
  });

  test('addresses that are no strings', async () => {
    for (const value of [null, undefined, 80, {}]) {
      for (const call of [
        () => dial('tcp', wrong(value)),
        () => listen('tcp', wrong(value)),
        () => dial('udp', wrong(value)),
        () => listenPacket('udp', wrong(value)),
        () => dial('tcp', '127.0.0.1:1', { localAddress: wrong(value ?? 5) }),
      ]) {
        assert.ok((await rejection(call())) instanceof ArgumentTypeError);
      }
    }
  });

  test('what is null where an object belongs', async () => {
    await using conn = await listenPacket('udp', '127.0.0.1:0');
    const none = wrong(null);
    for (const call of [
      () => dial('tcp', '127.0.0.1:1', none),
      () => dial('udp', '127.0.0.1:1', none),
      () => listen('tcp', '127.0.0.1:0', none),
      () => listenPacket('udp', '127.0.0.1:0', none),
      () => new Dialer().dial('tcp', '127.0.0.1:1', none),
      () => readProxyHeader(none, { trustedProxies: [] }),
      () => readProxyHeader({ closeNow: () => assert.fail('closed') } as never, none),
      () => conn.receiveBatch([none]),
      () => conn.sendBatch([none]),
    ]) {
      const error = (await rejection(call())) as ArgumentTypeError;
      assert.ok(error instanceof ArgumentTypeError, String(error));
      assert.match(error.message, /^(options|conn|messages\[0\]) must be .*, but is null$/);
    }
    assert.throws(() => new Dialer(none), ArgumentTypeError);
    assert.throws(() => limitListener(none, 1), ArgumentTypeError);
  });

  test('paths that are no strings', needs('unix', 'unixgram'), async () => {
    for (const value of [null, undefined, 80, {}]) {
      for (const call of [
        () => dial('unix', wrong(value)),
        () => listen('unix', wrong(value)),
        () => dial('unixgram', wrong(value)),
        () => listenPacket('unixgram', wrong(value)),
      ]) {
        assert.ok((await rejection(call())) instanceof ArgumentTypeError);
      }
    }
  });

  test('numbers that the system would take for others', needs('inherit', 'keepAliveInterval'), async () => {
    for (const call of [
      () => listen('tcp', '127.0.0.1:0', { backlog: 2 ** 32 + 1 }),
      () => listen('tcp', '127.0.0.1:0', { keepAlive: { idle: 32_768 } }),
      () => listen('tcp', '127.0.0.1:0', { keepAlive: { interval: 2 ** 32 + 1 } }),
      () => listen('tcp', '127.0.0.1:0', { keepAlive: { count: 128 } }),
      () => listenPacket('udp', '127.0.0.1:0', { readBuffer: 2 ** 32 + 4096 }),
      // Not descriptor 0.
      () => inheritListener(2 ** 32),
    ]) {
      assert.ok((await rejection(call())) instanceof ArgumentRangeError);
    }
    await using conn = await listenPacket('udp', '127.0.0.1:0');
    assert.throws(() => conn.setWriteBuffer(2 ** 31), ArgumentRangeError);
  });

  test('the timeout of a UDP dial: no number, and one longer than a timer of Node takes', async () => {
    for (const timeout of [Number.NaN, wrong('5')]) {
      assert.ok((await rejection(dial('udp', 'localhost:9', { timeout }))) instanceof ArgumentRangeError);
    }
    assert.ok((await rejection(dial('udp', 'localhost:9', { timeout: 0 }))) instanceof DeadlineExceededError);
    const conn = await dial('udp', 'localhost:9', { timeout: 1e12 });
    await conn.close();
  });
});

describe('paths of Unix sockets that could not be opened', () => {
  test('a failed dial leaves no path of its own', needs('unix', 'unixLocalAddress'), async () => {
    const own = join(folder, 'own.sock');
    for (const network of ['unix', 'unixgram'] as const) {
      const error = await rejection(dial(wrong(network), join(folder, 'nobody'), { localAddress: own }));
      assert.equal(error.code, 'ENOENT');
      assert.ok(!existsSync(own), network);
    }
  });

  test('and removes nothing that was there', needs('unix', 'unixLocalAddress'), async () => {
    const theirs = join(folder, 'theirs.sock');
    await using listener = await listenPacket('unixgram', theirs);
    for (const network of ['unix', 'unixgram'] as const) {
      const error = await rejection(dial(wrong(network), join(folder, 'nobody'), { localAddress: theirs }));
      assert.equal(error.code, 'EADDRINUSE');
      assert.ok(existsSync(theirs), network);
    }
    // Still theirs: a datagram finds its way.
    await listener.send(Uint8Array.of(1), theirs);
    assert.equal(await listener.read(new Uint8Array(1)), 1);
  });

  test('a relative path is removed from wherever the process is by then', needs('unixgram'), async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const conn = await listenPacket('unixgram', 'relative.sock');
      process.chdir(before);
      await conn.close();
      assert.ok(!existsSync(join(folder, 'relative.sock')));
    } finally {
      process.chdir(before);
    }
  });
});
