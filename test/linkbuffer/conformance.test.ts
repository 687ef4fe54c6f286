// The behaviour that CloudWeGo Netpoll's own tests hold its LinkBuffer to, as far as a caller can see it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readAll } from 'gopark/io';
import { BlockPool, LinkBuffer, NotEnoughDataError } from 'gopark/linkbuffer';
import { bytes, counting, list, pooled, text } from './lib.ts';

describe('LinkBuffer on its own', () => {
  const create = pooled();

  test('what is written can be read after the flush, with lengths right all the way', async () => {
    const buffer = create();
    assert.equal(buffer.len, 0);
    assert.equal(buffer.tryNext(10), undefined);
    await assert.rejects(buffer.next(10), NotEnoughDataError);
    buffer.malloc(128).set(counting(128));
    assert.equal(buffer.tryPeek(10), undefined);
    assert.equal(buffer.len, 0);
    assert.equal(buffer.mallocLen, 128);
    await buffer.flush();
    assert.equal(buffer.len, 128);
    assert.equal(buffer.mallocLen, 0);
    assert.deepEqual(list(await buffer.next(28)), list(counting(28)));
    assert.equal(buffer.len, 100);
    assert.deepEqual(list(await buffer.peek(90)), list(counting(90, 28)));
    assert.equal(buffer.len, 100);
    buffer.release();
    buffer.malloc(2048);
    buffer.mallocAck(1024);
    assert.equal(buffer.len, 100);
    assert.equal(buffer.mallocLen, 1024);
    await buffer.flush();
    assert.equal(buffer.len, 1124);
    await buffer.skip(1024);
    assert.equal(buffer.len, 100);
  });

  test('vectors gives everything, one view for each link', () => {
    const buffer = create();
    let total = 0;
    for (let size = 1; size <= 1e6; size *= 10) {
      buffer.writeBinary(new Uint8Array(size).fill(size % 251));
      total += size;
    }
    buffer.publish();
    const out: Uint8Array[] = [];
    assert.equal(buffer.vectors(out, 100), total);
    assert.equal(
      out.reduce((sum, { length }) => sum + length, 0),
      total,
    );
    assert.equal(buffer.vectors(out, 1), 1111);
    assert.equal(out.length, 1);
  });

  test('counts that are not positive do nothing', async () => {
    const buffer = create();
    for (const n of [0, -1, -2, -3, -4]) {
      assert.equal(buffer.malloc(n).length, 0);
      assert.equal(buffer.writeString(''), 0);
      assert.equal(buffer.writeBinary(new Uint8Array(0)), 0);
      buffer.writeDirect(new Uint8Array(0), n);
      await buffer.flush();
      assert.equal((await buffer.next(n))?.length, 0);
      assert.equal((await buffer.peek(n))?.length, 0);
      await buffer.skip(n);
      assert.equal(await buffer.readString(n), '');
      assert.equal((await buffer.readBinary(n))?.length, 0);
      const slice = await buffer.slice(n);
      assert.equal(slice?.len, 0);
      slice?.release();
      buffer.release();
      assert.equal(buffer.len, 0);
      assert.equal(buffer.mallocLen, 0);
    }
    buffer.append(create());
    buffer.mallocAck(0);
    assert.throws(() => buffer.mallocAck(-1), RangeError);
    assert.throws(() => buffer.mallocAck(1), RangeError);
  });

  test('a second flush changes nothing; writing goes on behind what was read', async () => {
    const buffer = create();
    buffer.malloc(4).set([1, 2, 3, 4]);
    await buffer.flush();
    await buffer.flush();
    assert.deepEqual(list(await buffer.peek(4)), [1, 2, 3, 4]);
    await buffer.skip(2);
    await buffer.flush();
    buffer.malloc(2).set([5, 6]);
    await buffer.flush();
    assert.equal(buffer.len, 4);
    assert.deepEqual(list(await buffer.next(4)), [3, 4, 5, 6]);
  });

  test('the spare memory behind a linked array is never written', async () => {
    const buffer = create();
    const memory = new Uint8Array(6000);
    buffer.writeBinary(memory.subarray(0, 5000));
    buffer.writeBinary(bytes('more'));
    buffer.malloc(100).fill(1);
    await buffer.flush();
    assert.ok(memory.every((byte) => byte === 0));
    assert.equal(buffer.len, 5104);
  });

  test('arrays up to 4096 bytes are copied, larger ones are linked', async () => {
    for (const size of [4095, 4096, 4097]) {
      const buffer = create();
      const p = new Uint8Array(size);
      buffer.writeBinary(p);
      p.fill(7);
      await buffer.flush();
      assert.equal((await buffer.next(size))?.[0], size > 4096 ? 7 : 0);
    }
  });

  test('direct writes lie at their places in what was allocated', async () => {
    const buffer = create();
    const space = buffer.malloc(32);
    space.fill(1);
    buffer.writeDirect(bytes('nihao'), 30);
    buffer.writeDirect(bytes('hertz'), 29);
    buffer.writeDirect(bytes('netpoll'), 28);
    buffer.writeDirect(bytes('kitex'), 27);
    buffer.writeDirect(bytes('end'), 0);
    assert.equal(buffer.mallocLen, 32 + 25);
    await buffer.flush();
    const all = text(await buffer.next(57)).replaceAll('\x01', '.');
    assert.equal(all, `..nihao.hertz.netpoll.kitex${'.'.repeat(27)}end`);
  });

  test('mallocAck counts directly written bytes', async () => {
    const buffer = create();
    const size = 7168;
    buffer.malloc(4 + size).set([1, 2, 3, 4]);
    const direct = new Uint8Array(size).fill(9);
    buffer.writeDirect(direct, size);
    buffer.mallocAck(4 + size);
    await buffer.flush();
    buffer.malloc(4).set([5, 6, 7, 8]);
    await buffer.flush();
    const got = await buffer.next(8 + size);
    assert.deepEqual(list(got!.subarray(0, 4)), [1, 2, 3, 4]);
    assert.deepEqual(got!.slice(4, 4 + size), direct);
    assert.deepEqual(list(got!.subarray(4 + size)), [5, 6, 7, 8]);
  });

  test('append moves everything; what was appended is empty', async () => {
    const [a, b, c] = [create(), create(), create()];
    b.malloc(1).set([2]);
    await b.flush();
    c.malloc(1).set([3]);
    await c.flush();
    a.append(b);
    a.append(c);
    assert.equal(a.len, 0);
    assert.equal(a.mallocLen, 2);
    await a.flush();
    assert.deepEqual(list(await a.next(2)), [2, 3]);
    assert.equal(b.len, 0);
  });

  test('append of a large chain, then slices of it', async () => {
    const [w, b] = [create(), create()];
    w.malloc(8192).fill(1);
    w.malloc(7).fill(2);
    await w.flush();
    b.append(w);
    await b.flush();
    assert.equal(b.len, 8199);
    await b.next(5);
    const slice = await b.slice(4);
    assert.equal(slice?.len, 4);
    assert.equal(b.len, 8190);
    assert.deepEqual(list(await slice!.next(4)), [1, 1, 1, 1]);
    slice!.release();
    b.release();
    assert.equal(b.len, 8190);
    assert.equal((await b.next(8190))?.[8189], 2);
  });

  test('a direct write at the very start of what is not flushed, while what is before it is read away', async () => {
    const buffer = create();
    buffer.writeBinary(bytes('abcd'));
    await buffer.flush();
    const first = buffer.tryNext(2);
    buffer.malloc(4).set(bytes('5678'));
    buffer.writeDirect(bytes('1234'), 4);
    const second = buffer.tryNext(2);
    await buffer.flush();
    assert.equal(buffer.len, 8);
    assert.equal(text(await buffer.next(8)), '12345678');
    assert.equal(text(first) + text(second), 'abcd');
  });

  test('what was searched in vain does not count for what comes after an append', async () => {
    const [a, b] = [create(), create()];
    b.writeString('no line end');
    await b.flush();
    assert.equal(b.tryUntil('\n'), undefined);
    a.append(b);
    b.writeString('x\n');
    await b.flush();
    assert.equal(text(await b.until('\n')), 'x\n');
  });

  test('a slice keeps its bytes while the buffer goes on', async () => {
    const buffer = create();
    buffer.writeByte(1);
    await buffer.flush();
    const slice = await buffer.slice(1);
    buffer.release();
    buffer.writeByte(2);
    await buffer.flush();
    await buffer.skip(1);
    buffer.release();
    assert.deepEqual(list(await slice!.next(1)), [1]);
    slice!.release();
  });

  test('read copies across blocks and gives what there is', async () => {
    const buffer = create();
    buffer.writeBinary(counting(16));
    await buffer.flush();
    const p = new Uint8Array(16);
    assert.equal(await buffer.read(p.subarray(0, 10)), 10);
    assert.deepEqual(list(p.subarray(0, 10)), list(counting(10)));
    assert.equal(buffer.len, 6);
    assert.equal(await buffer.read(p), 6);
    assert.equal(await buffer.read(p), null);
  });

  test('is a Reader and a Writer', async () => {
    const buffer = create();
    assert.equal(await buffer.write(bytes('hello world')), 11);
    assert.equal(text(await readAll(buffer)), 'hello world');
  });

  test('1000 messages with two marks each are found while writing goes on', async () => {
    const buffer = create();
    const message = new Uint8Array(1002).fill(65);
    message[500] = 10;
    message[1001] = 10;
    for (let i = 0; i < 1000; i++) {
      buffer.writeBinary(message);
      await buffer.flush();
      const start = i * 1002;
      assert.equal(buffer.indexOf(10, start), start + 500);
      assert.equal(buffer.indexOf(10, start + 500), start + 500);
      assert.equal(buffer.indexOf(10, start + 501), start + 1001);
    }
    for (let i = 0; i < 2000; i++) {
      assert.equal((await buffer.until('\n'))?.length, i % 2 === 0 ? 501 : 501);
      buffer.release();
    }
  });

  test('a writer and a reader at once see the exact sequence', async () => {
    const buffer = create();
    let written = 0;
    let seen = 0;
    for (let round = 0; round < 2000; round++) {
      const space = buffer.malloc(80);
      for (let i = 0; i < 70; i++) space[i] = written++ & 255;
      buffer.mallocAck(70);
      await buffer.flush();
      for (let i = 0; i < 10; i++)
        for (const byte of (await buffer.next(7))!) assert.equal(byte, seen++ & 255);
      if (round % 3 === 0) buffer.release();
    }
  });
});

describe('LinkBuffer of blocks of 8 bytes', () => {
  const create = pooled({ blockSize: 8 });

  test('allocations lie in one piece each; reads across them are copied', async () => {
    const buffer = create();
    buffer.malloc(15).set(counting(15));
    buffer.malloc(7).set(counting(7, 15));
    assert.equal(buffer.len, 0);
    await buffer.flush();
    assert.equal(buffer.len, 22);
    assert.deepEqual(list(await buffer.next(13)), list(counting(13)));
    assert.deepEqual(list(await buffer.peek(4)), [13, 14, 15, 16]);
    assert.equal(buffer.len, 9);
    const four = await buffer.peek(4);
    const three = await buffer.peek(3);
    if (process.env.GOPARK_POISON !== '1') assert.equal(three!.buffer, four!.buffer);
    assert.deepEqual(list(three), [13, 14, 15]);
    assert.deepEqual(list(await buffer.peek(5)), [13, 14, 15, 16, 17]);
    assert.deepEqual(list(await buffer.peek(6)), [13, 14, 15, 16, 17, 18]);
    assert.deepEqual(list(four), [13, 14, 15, 16]);
    buffer.malloc(8).set(counting(8, 22));
    buffer.mallocAck(5);
    await buffer.flush();
    assert.deepEqual(list(await buffer.next(8)), list(counting(8, 13)));
    await buffer.skip(3);
    assert.deepEqual(list(await buffer.next(3)), [24, 25, 26]);
  });

  test('readString and readBinary across blocks', async () => {
    const buffer = create();
    buffer.writeString('a text that is longer than a block or two: äöü €');
    await buffer.flush();
    assert.equal(await buffer.readString(2), 'a ');
    assert.equal(await buffer.readString(20), 'text that is longer ');
    assert.equal(text(await buffer.readBinary(4)), 'than');
    assert.equal(await buffer.readString(buffer.len), ' a block or two: äöü €');
  });
});

test('peeking again and again at the same bytes takes memory once', async () => {
  const pool = new BlockPool();
  const buffer = new LinkBuffer({ pool });
  for (let i = 0; i < 100; i++) buffer.malloc(8192);
  await buffer.flush();
  const before = pool.stats().bytesInUse;
  for (let i = 0; i < 10; i++) await buffer.peek(8192);
  assert.equal(pool.stats().bytesInUse, before);
  await buffer.peek(8193);
  const after = pool.stats().bytesInUse;
  for (let i = 0; i < 1024; i++) await buffer.peek(8193);
  assert.equal(pool.stats().bytesInUse, after);
  buffer.close();
});

describe('when blocks go back', () => {
  const setup = (...sizes: number[]) => {
    const pool = new BlockPool({ blockSize: 8 });
    const buffer = new LinkBuffer({ pool });
    let from = 0;
    for (const size of sizes) {
      buffer.malloc(size).set(counting(size, from));
      from += size;
    }
    buffer.publish();
    return { buffer, inUse: () => pool.stats().blocksInUse };
  };
  // In poison mode what is lent is a copy, and so the blocks go back at once.
  const lentBlocks = (n: number) => (process.env.GOPARK_POISON === '1' ? 0 : n);

  test('what was lent and read stays until the release', () => {
    const { buffer, inUse } = setup(8, 8, 8);
    buffer.tryNext(8);
    buffer.tryNext(8);
    assert.ok(inUse() >= 1 + lentBlocks(2));
    buffer.release();
    assert.equal(inUse(), 1);
    buffer.close();
    assert.equal(inUse(), 0);
  });

  test('what was copied out goes back without a release', async () => {
    const { buffer, inUse } = setup(8, 8);
    assert.equal(await buffer.read(new Uint8Array(12)), 12);
    assert.equal(inUse(), 1);
    assert.equal(await buffer.read(new Uint8Array(12)), 4);
    assert.equal(inUse(), 0);
  });

  test('copying out what was peeked at leaves that for the release, and only that', async () => {
    const { buffer, inUse } = setup(8, 8, 8);
    const peeked = buffer.tryPeek(4);
    const p = new Uint8Array(20);
    assert.equal(await buffer.read(p), 20);
    assert.deepEqual(list(p), list(counting(20)));
    assert.ok(inUse() >= 1 + lentBlocks(1) && inUse() <= 2);
    assert.deepEqual(list(peeked), [0, 1, 2, 3]);
    assert.equal(buffer.len, 4);
    buffer.release();
    assert.equal(inUse(), 1);
    assert.deepEqual(list(buffer.tryNext(4)), [20, 21, 22, 23]);
    buffer.release();
    assert.equal(inUse(), 0);
  });

  test('what a slice shares is back when buffer and slice have released it, in either order', () => {
    for (const sliceFirst of [true, false]) {
      const { buffer, inUse } = setup(8, 8);
      buffer.tryNext(5);
      const slice = buffer.trySlice(4)!;
      buffer.trySkip(7);
      assert.equal(buffer.len, 0);
      if (sliceFirst) slice.release();
      buffer.release();
      assert.equal(inUse(), sliceFirst ? 0 : 2);
      if (!sliceFirst) {
        assert.deepEqual(list(slice.tryNext(4)), [5, 6, 7, 8]);
        slice.release();
      }
      assert.equal(inUse(), 0);
    }
  });

  test('a copy of what lies in several blocks is held until the release, and those are not', () => {
    const { buffer, inUse } = setup(8, 8, 8);
    assert.deepEqual(list(buffer.tryNext(20)), list(counting(20)));
    assert.equal(inUse(), 2, 'the copy and the block that is not read to its end');
    buffer.release();
    assert.equal(inUse(), 1);
    buffer.close();
  });
});
