import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { InvalidUnreadByteError, InvalidUnreadRuneError, Reader, StringReader } from 'gopark/bytes';
import { ArgumentRangeError, ArgumentTypeError, CopyError, copy, readAll } from 'gopark/io';
import { bytes, detached, Recorder, rejection, text } from '../io/readers.ts';

describe('bytes.Reader', () => {
  test('reads and seeks as a model does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 30 }),
        fc.array(
          fc.oneof(
            fc.tuple(fc.constant('read' as const), fc.nat(12)),
            fc.tuple(fc.constant('at' as const), fc.integer({ min: -2, max: 35 })),
            fc.tuple(
              fc.constantFrom('start' as const, 'current' as const, 'end' as const),
              fc.integer({ min: -40, max: 40 }),
            ),
          ),
        ),
        async (data, list) => {
          const reader = new Reader(data);
          let at = 0;
          for (const [kind, n] of list) {
            if (kind === 'read' || kind === 'at') {
              const p = new Uint8Array(kind === 'read' ? n : 5);
              const from = kind === 'read' ? at : n;
              const got = await (kind === 'read' ? reader.read(p) : reader.readAt(p, n)).catch(
                () => 'failed',
              );
              if (from < 0) {
                assert.equal(got, 'failed');
              } else if (from >= data.length) {
                assert.equal(got, null);
              } else {
                assert.equal(got, Math.min(p.length, data.length - from));
                assert.deepEqual(p.subarray(0, got as number), data.subarray(from, from + (got as number)));
                if (kind === 'read') at += got as number;
              }
            } else {
              const target = n + (kind === 'start' ? 0 : kind === 'current' ? at : data.length);
              const got = await reader.seek(n, kind).catch((e: unknown) => e);
              if (target < 0) assert.ok(got instanceof ArgumentRangeError);
              else assert.equal(got, target);
              if (target >= 0) at = target;
            }
            assert.equal(reader.length, Math.max(0, data.length - at));
            assert.equal(reader.size, data.length);
          }
        },
      ),
    );
  });

  test('at the end: null, also for an empty p; no write by writeTo', async () => {
    const reader = new Reader(bytes('a'));
    await reader.seek(100, 'start');
    assert.equal(await reader.read(new Uint8Array(1)), null);
    assert.equal(await reader.read(new Uint8Array(0)), null);
    const to = new Recorder();
    assert.equal(await reader.writeTo(to), 0);
    assert.equal(to.writes.length, 0);
    assert.equal(await new Reader().readByte(), null);
  });

  test('unread: bytes back to the start, runes only after readRune and once', async () => {
    const reader = new Reader(bytes('a€\xff'));
    assert.throws(() => reader.unreadByte(), InvalidUnreadByteError);
    assert.equal(await reader.readByte(), 0x61);
    assert.deepEqual(await reader.readRune(), { codePoint: 0x20ac, size: 3 });
    reader.unreadRune();
    assert.throws(() => reader.unreadRune(), InvalidUnreadRuneError);
    reader.unreadByte();
    assert.equal(await reader.readByte(), 0x61);
    await reader.readRune();
    await reader.seek(0, 'current');
    assert.throws(() => reader.unreadRune(), InvalidUnreadRuneError);
    const bad = new Reader(new Uint8Array([0xe2, 0x82]));
    assert.deepEqual(await bad.readRune(), { codePoint: 0xfffd, size: 1 });
    assert.deepEqual(await bad.readRune(), { codePoint: 0xfffd, size: 1 });
    assert.equal(await bad.readRune(), null);
  });

  test('writeTo writes what is left at once and keeps what was not taken', async () => {
    const reader = new Reader(bytes('abcdef'));
    await reader.readByte();
    const to = new Recorder();
    to.failAt = 2;
    const failure = await rejection(copy(to, reader));
    assert.ok(failure instanceof CopyError && failure.bytesCopied === 2);
    assert.equal(text(await readAll(reader)), 'def');
  });

  test('StringReader counts bytes of UTF-8; reset takes text or bytes', async () => {
    const reader = new StringReader('grün');
    assert.equal(reader.size, 5);
    assert.equal(text(await readAll(reader)), 'grün');
    reader.reset('new');
    assert.equal(text(await readAll(reader)), 'new');
    reader.reset(bytes('bytes'));
    assert.equal(reader.length, 5);
  });

  test('wrong arguments give typed errors', async () => {
    assert.throws(() => new Reader('text' as never), ArgumentTypeError);
    assert.throws(() => new Reader(detached()), ArgumentTypeError);
    assert.throws(() => new StringReader(1 as never), ArgumentTypeError);
    const reader = new Reader(bytes('abc'));
    assert.throws(() => reader.reset(undefined as never), ArgumentTypeError);
    assert.ok((await rejection(reader.read({} as never))) instanceof ArgumentTypeError);
    assert.ok((await rejection(reader.readAt(new Uint8Array(1), Number.NaN))) instanceof ArgumentRangeError);
    assert.ok((await rejection(reader.seek(0.5, 'start'))) instanceof ArgumentRangeError);
    assert.ok((await rejection(reader.seek(0, 'begin' as never))) instanceof ArgumentRangeError);
    assert.ok((await rejection(reader.writeTo(null as never))) instanceof ArgumentTypeError);
  });
});
