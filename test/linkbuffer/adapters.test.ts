import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Buffer as GoBuffer, Reader } from 'gopark/bytes';
import { pipe, type Reader as Source, UnexpectedEOFError, type Writer } from 'gopark/io';
import { BlockPool, BufferClosedError, LinkBuffer, linkReader, linkWriter } from 'gopark/linkbuffer';
import { bytes, counting, list, text } from './lib.ts';

describe('linkReader', () => {
  test('gives what the source has, then the end', async () => {
    const reader = linkReader(new Reader(bytes('hello, world')));
    assert.equal(text(await reader.next(5)), 'hello');
    assert.equal(text(await reader.peek(2)), ', ');
    await reader.skip(2);
    assert.equal(await reader.readString(5), 'world');
    assert.equal(await reader.next(1), null);
    assert.equal(await reader.next(1), null);
  });

  test('until goes on reading when its delimiter comes later', async () => {
    const [source, writer] = pipe();
    const reader = linkReader(source);
    const line = reader.until('\n');
    for (const part of ['a', 'b', 'c\nd']) await writer.write(bytes(part));
    assert.equal(text(await line), 'abc\n');
    const rest = reader.until('\n');
    await writer.close();
    assert.equal(text(await rest), 'd');
    assert.equal(await reader.until('\n'), null);
  });

  test('an end that comes too early and an error of the source', async () => {
    const short = linkReader(new Reader(bytes('abc')));
    await assert.rejects(short.next(4), UnexpectedEOFError);
    assert.equal(await short.readString(3), 'abc');
    const broken = new Error('cable cut');
    let reads = 0;
    const reader = linkReader({
      async read(p) {
        if (reads++ > 0) throw broken;
        p.set(bytes('ab'));
        return 2;
      },
    });
    await assert.rejects(reader.next(4), broken);
    assert.equal(await reader.readString(2), 'ab');
    await assert.rejects(reader.next(1), broken);
    assert.equal(reads, 2);
  });

  test('a source that gives nothing, or nonsense, is found out', async () => {
    await assert.rejects(linkReader({ read: async () => 0 }).next(1), { code: 'ERR_NO_PROGRESS' });
    await assert.rejects(linkReader({ read: async (p) => p.length + 1 }).next(1), {
      code: 'ERR_BAD_READ_COUNT',
    });
    assert.throws(() => linkReader({} as Source), TypeError);
  });

  test('holds no block while it waits for a source that can be asked', async () => {
    const pool = new BlockPool();
    const [source, writer] = pipe();
    const arrived: (() => void)[] = [];
    let ready: Uint8Array | null = null;
    const reader = linkReader(
      {
        read: (p: Uint8Array) => source.read(p),
        tryRead(p: Uint8Array) {
          if (ready === null) return undefined;
          p.set(ready);
          const n = ready.length;
          ready = null;
          return n;
        },
        waitReadable: () => new Promise<void>((resolve) => arrived.push(resolve)),
      } as Source,
      { pool },
    );
    const next = reader.next(3);
    assert.equal(pool.stats().blocksInUse, 0);
    ready = bytes('abc');
    arrived.pop()!();
    assert.equal(text(await next), 'abc');
    reader.release();
    assert.equal(pool.stats().blocksInUse, 0);
    await writer.close();
  });

  test('a close during a read of the source is safe for the block', async () => {
    const pool = new BlockPool();
    const [source, writer] = pipe();
    const reader = linkReader(source, { pool });
    const next = reader.next(3);
    reader[Symbol.dispose]();
    await assert.rejects(next, BufferClosedError);
    assert.equal(pool.stats().blocksInUse, 1, 'the source may still write to it');
    await writer.write(bytes('abc'));
    await new Promise(setImmediate);
    assert.equal(pool.stats().blocksInUse, 0);
  });

  test('a large message arrives in one piece', async () => {
    const pool = new BlockPool();
    const data = new Uint8Array(300_000).map((_, i) => i * 7);
    const reader = linkReader(new Reader(data), { pool });
    assert.equal(Buffer.compare((await reader.next(300_000))!, data), 0);
    reader.release();
    assert.equal(pool.stats().blocksInUse, 0);
  });
});

describe('linkWriter', () => {
  test('writes everything at the flush', async () => {
    const target = new GoBuffer();
    const writer = linkWriter(target);
    writer.malloc(4).set([1, 2, 3, 4]);
    writer.writeString('abc');
    writer.writeBinary(new Uint8Array(5000).fill(9));
    assert.equal(target.length, 0);
    await writer.flush();
    assert.equal(target.length, 5007);
    assert.deepEqual(list(target.bytes().subarray(0, 8)), [1, 2, 3, 4, 97, 98, 99, 9]);
    assert.equal(await writer.write(bytes('d')), 1);
    assert.equal(target.length, 5008);
  });

  test('gathers for a destination that can', async () => {
    const calls: number[][] = [];
    const writer = linkWriter({
      write: async () => assert.fail('not called'),
      writev: async (chunks: Uint8Array[]) => {
        calls.push(chunks.map(({ length }) => length));
        return chunks.reduce((sum, { length }) => sum + length, 0);
      },
    } as Writer);
    writer.writeString('head');
    writer.writeBinary(new Uint8Array(10_000));
    writer.writeString('tail');
    await writer.flush();
    assert.deepEqual(calls, [[4, 10_000, 4]]);
  });

  test('flushes at once go one behind the other, in order', async () => {
    const got: string[] = [];
    const writer = linkWriter({
      async write(p) {
        const copy = text(p);
        await new Promise(setImmediate);
        got.push(copy);
        return p.length;
      },
    });
    const flushes = ['a', 'b', 'c'].map((s) => {
      writer.writeString(s);
      return writer.flush();
    });
    await Promise.all(flushes);
    assert.equal(got.join(''), 'abc');
  });

  test('what a failed flush has not sent is sent by the next; linked arrays are the caller’s again', async () => {
    const pool = new BlockPool();
    const got = new LinkBuffer();
    let failing = true;
    const writer = linkWriter(
      {
        async write(p) {
          if (!failing) return got.write(p);
          await got.write(p.subarray(0, 3));
          throw Object.assign(new Error('full'), { bytesWritten: 3 });
        },
      },
      { pool },
    );
    const large = counting(200).slice();
    const p = new Uint8Array(5000).fill(1);
    p.set(large);
    writer.writeDirect(p);
    await assert.rejects(writer.flush(), /full/);
    p.fill(0xee);
    failing = false;
    writer.writeString('end');
    await writer.flush();
    assert.equal(got.len, 5003);
    assert.deepEqual(list(await got.next(200)), list(counting(200)));
    await got.skip(4800);
    assert.equal(await got.readString(3), 'end');
    assert.equal(pool.stats().blocksInUse, 0);
  });

  test('a close during a write does not give its memory to others', async () => {
    const pool = new BlockPool({ blockSize: 64 });
    const seen: string[] = [];
    const writer = linkWriter(
      {
        async write(p) {
          await new Promise(setImmediate);
          seen.push(text(p));
          return p.length;
        },
      },
      { pool },
    );
    writer.writeString('secret');
    const flush = writer.flush();
    await null;
    await null;
    writer[Symbol.dispose]();
    const other = new LinkBuffer({ pool });
    other.malloc(64).fill(0x41);
    await flush;
    assert.deepEqual(seen, ['secret']);
    assert.throws(() => writer.writeByte(1), BufferClosedError);
    other.close();
  });
});
