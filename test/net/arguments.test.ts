import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ArgumentRangeError, ArgumentTypeError } from 'gopark/io';
import {
  DeadlineExceededError,
  Dialer,
  dial,
  inheritListener,
  limitListener,
  listen,
  listenPacket,
  readProxyHeader,
} from 'gopark/net';
import { needs } from '../lib/needs.ts';
import { rejection } from '../lib/waiting.ts';

const folder = mkdtempSync(join(tmpdir(), 'gopark-'));
after(() => rmSync(folder, { recursive: true }));

/** What plain JavaScript can pass. */
const wrong = (value: unknown) => value as never;

describe('arguments of net', () => {
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
