// A LinkBuffer with an owner: calls wait for what the owner brings.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConcurrentUseError, LimitExceededError, readAll, UnexpectedEOFError } from 'gopark/io';
import { BlockPool, type Lent, LinkBuffer, NotEnoughDataError, ReleasedError } from 'gopark/linkbuffer';
import { stack } from 'gopark/runtime';
import { bytes, counting, list, pooled, Recorder, text } from './lib.ts';

/** Whether `promise` has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  for (let i = 0; i < 5; i++) await null;
  return done;
}

/** `p` arrives in a block of the buffer. */
function arrive(buffer: LinkBuffer, p: Uint8Array): void {
  buffer.reserve(p.length).set(p);
  buffer.commit(p.length);
}

describe('calls that wait', () => {
  const pool = pooled({ blockSize: 64 });
  const create = () => {
    const owner = new Recorder();
    return { owner, buffer: pool({ owner }) };
  };

  test('next waits for all of its bytes and is tried once', async () => {
    const { owner, buffer } = create();
    const next = buffer.next(100);
    assert.deepEqual(owner.needs, [100]);
    assert.equal(buffer.needed, 100);
    arrive(buffer, counting(50));
    assert.equal(await settled(next), false);
    assert.deepEqual(owner.needs, [100]);
    arrive(buffer, counting(60, 50));
    assert.equal(buffer.needed, 0);
    assert.deepEqual(list(await next), list(counting(100)));
    assert.equal(buffer.len, 10);
  });

  test('every other call waits, too, in the same way', async () => {
    const { buffer } = create();
    const wait = async <T>(call: Promise<T>, s: string): Promise<T> => {
      assert.equal(await settled(call), false);
      arrive(buffer, bytes(s.slice(0, -1)));
      if (s.length > 1) assert.equal(await settled(call), false);
      arrive(buffer, bytes(s.slice(-1)));
      return call;
    };
    assert.equal(text(await wait(buffer.peek(3), 'abc')), 'abc');
    assert.equal(await buffer.readString(3), 'abc');
    assert.equal(await wait(buffer.readString(4), 'defg'), 'defg');
    assert.equal(text(await wait(buffer.readBinary(4), 'hijk')), 'hijk');
    assert.equal(await wait(buffer.readByte(), 'l'), 0x6c);
    assert.equal(text(await wait(buffer.until('!'), 'mnop!')), 'mnop!');
    await wait(buffer.skip(4), 'qrst');
    const slice = await wait(buffer.slice(3), 'uvw');
    assert.equal(await slice?.readString(3), 'uvw');
    slice?.release();
    await wait(buffer.waitReadable(), 'x');
    assert.equal(await buffer.read(new Uint8Array(8)), 1);
    const p = new Uint8Array(8);
    assert.equal(await wait(buffer.read(p), 'y'), 1);
    assert.equal(p[0], 0x79);
    assert.equal(buffer.len, 0);
  });

  test('skip passes over more than ever lies there at once', async () => {
    const { buffer } = create();
    const skip = buffer.skip(1000);
    for (let i = 0; i < 20; i++) {
      arrive(buffer, new Uint8Array(50).fill(i));
      assert.equal(buffer.len, 0);
    }
    await skip;
    arrive(buffer, bytes('rest'));
    assert.equal(await buffer.readString(4), 'rest');
    const short = buffer.skip(10);
    arrive(buffer, bytes('abc'));
    buffer.end();
    await assert.rejects(short, { code: 'ERR_UNEXPECTED_EOF', bytesRead: 3 });
  });

  test('until goes on where it stopped, over any number of arrivals, up to its limit', async () => {
    const { owner, buffer } = create();
    const until = buffer.until('\n', 1000);
    for (let i = 0; i < 9; i++) arrive(buffer, new Uint8Array(100).fill(65));
    assert.equal(owner.needs.at(-1), 901);
    arrive(buffer, bytes('B\nC'));
    assert.equal((await until)?.length, 902);
    const long = buffer.until('\n', 1000);
    for (let i = 0; i < 9; i++) arrive(buffer, new Uint8Array(100).fill(65));
    assert.equal(await settled(long), false);
    arrive(buffer, new Uint8Array(100).fill(65));
    await assert.rejects(long, LimitExceededError);
    assert.equal(buffer.len, 1001);
    arrive(buffer, bytes('\n'));
    assert.throws(() => buffer.tryUntil('\n', 1001), LimitExceededError);
    assert.equal(buffer.tryUntil('\n', 1002)?.length, 1002);
    assert.throws(() => buffer.tryUntil('\n', 0), RangeError);
    assert.throws(() => buffer.tryUntil('é'), RangeError);
  });

  test('the search for another byte begins anew', () => {
    const { buffer } = create();
    arrive(buffer, bytes('a;b,c'));
    assert.equal(buffer.tryUntil('\n'), undefined);
    assert.equal(text(buffer.tryUntil(';')), 'a;');
    assert.equal(buffer.tryUntil('\n'), undefined);
    assert.equal(text(buffer.tryUntil(',')), 'b,');
  });

  test('what the owner lends answers who waits, and the rest is settled', async () => {
    const { buffer } = create();
    const slab = bytes('one\ntwo\nthr');
    const first = buffer.until('\n');
    buffer.lend(slab);
    assert.equal(text(await first), 'one\n');
    assert.equal(text(buffer.tryUntil('\n')), 'two\n');
    const third = buffer.until('\n');
    assert.equal(await settled(third), false);
    buffer.settleLent();
    slab.fill(0);
    arrive(buffer, bytes('ee\n'));
    assert.equal(text(await third), 'three\n');
  });

  test('lent memory that is read without lending it on costs no block', () => {
    const blocks = new BlockPool();
    const buffer = new LinkBuffer({ pool: blocks, owner: new Recorder() });
    buffer.lend(bytes('*1\r\n$4\r\nPING\r\n'));
    assert.equal(buffer.tryReadByte(), 0x2a);
    assert.equal(buffer.indexOf(13), 1);
    assert.equal(buffer.byteAt(0), 0x31);
    assert.equal(buffer.trySkip(7), true);
    assert.equal(buffer.tryReadString(4), 'PING');
    assert.equal(blocks.stats().blocksInUse, 0);
    assert.equal(buffer.trySkip(2), true);
    buffer.settleLent();
    assert.equal(buffer.idle, true);
    assert.equal(blocks.stats().blocksInUse, 0);
  });

  test('a second call while one waits is refused; the first is not disturbed', async () => {
    const { buffer } = create();
    const next = buffer.next(4);
    await assert.rejects(buffer.next(1), ConcurrentUseError);
    await assert.rejects(buffer.skip(9), ConcurrentUseError);
    await assert.rejects(buffer.until('\n'), ConcurrentUseError);
    await assert.rejects(buffer.read(new Uint8Array(1)), ConcurrentUseError);
    assert.throws(() => buffer.tryNext(1), ConcurrentUseError);
    assert.throws(() => buffer.tryReadByte(), ConcurrentUseError);
    assert.throws(() => buffer.tryRead(new Uint8Array(1)), ConcurrentUseError);
    assert.throws(() => buffer.append(buffer), TypeError);
    assert.throws(() => pool().append(buffer), ConcurrentUseError);
    assert.throws(() => buffer.reset(null), ConcurrentUseError);
    arrive(buffer, bytes('abcd'));
    assert.equal(text(await next), 'abcd');
  });

  test('fail rejects who waits and nothing is lost', async () => {
    const { buffer } = create();
    assert.equal(buffer.fail(new Error('nobody')), false);
    const timeout = new Error('deadline');
    const next = buffer.next(4);
    arrive(buffer, bytes('ab'));
    assert.equal(buffer.fail(timeout), true);
    await assert.rejects(next, timeout);
    arrive(buffer, bytes('cd'));
    assert.equal(text(await buffer.next(4)), 'abcd');
  });

  test('an owner that refuses the need fails the call', async () => {
    const refusal = new Error('more than the limit');
    const buffer = pool({
      owner: Object.assign(new Recorder(), {
        need(): void {
          throw refusal;
        },
      }),
    });
    await assert.rejects(buffer.next(4), refusal);
    assert.equal(buffer.needed, 0);
  });

  test('an owner that refuses a need that has grown fails the call, and nothing is lost', async () => {
    const refusal = new Error('more than the limit');
    const buffer = pool({
      owner: Object.assign(new Recorder(), {
        need(n: number): void {
          if (n > 4) throw refusal;
        },
      }),
    });
    const until = buffer.until('\n');
    arrive(buffer, bytes('abc'));
    assert.equal(await settled(until), false);
    arrive(buffer, bytes('d'));
    await assert.rejects(until, refusal);
    assert.equal(await buffer.readString(4), 'abcd');
  });

  test('nothing is written while the owner fills the end', () => {
    const { buffer } = create();
    buffer.reserve(4);
    for (const call of [
      () => buffer.malloc(1),
      () => buffer.writeString('a'),
      () => buffer.append(pool()),
      () => buffer.reserve(1),
      () => buffer.lend(bytes('a')),
    ]) {
      assert.throws(call, ConcurrentUseError);
    }
    buffer.commit(0);
    buffer.writeString('a');
    assert.throws(() => buffer.reserve(1), ConcurrentUseError);
    assert.throws(() => buffer.lend(bytes('a')), ConcurrentUseError);
    assert.throws(() => buffer.moveTo(buffer, 0), TypeError);
  });

  test('a read whose array is transferred away meanwhile fails, and the bytes stay', async () => {
    const { buffer } = create();
    const p = new Uint8Array(8);
    const read = buffer.read(p);
    structuredClone(p.buffer, { transfer: [p.buffer] });
    arrive(buffer, bytes('abc'));
    await assert.rejects(read, TypeError);
    assert.equal(await buffer.readString(3), 'abc');
  });

  test('the dump says who waits for how much', async () => {
    const named = Object.assign(new Recorder(), { describeWait: (what: string) => `conn 7: ${what}` });
    const buffer = pool({ owner: named });
    arrive(buffer, bytes('abc'));
    const next = buffer.next(10);
    assert.match(stack(), /conn 7: next, 3 of 10 bytes/);
    buffer.fail(new Error('enough'));
    await assert.rejects(next);
    assert.doesNotMatch(stack(), /conn 7/);
  });
});

describe('the end', () => {
  const pool = pooled({ blockSize: 64 });
  test('is null when nothing is left, for every call that gives something', async () => {
    const buffer = pool({ owner: new Recorder() });
    const waiting = buffer.next(1);
    buffer.end();
    assert.equal(await waiting, null);
    assert.equal(await buffer.next(1), null);
    assert.equal(buffer.tryNext(1), null);
    assert.equal(await buffer.peek(1), null);
    assert.equal(await buffer.until('\n'), null);
    assert.equal(await buffer.readString(1), null);
    assert.equal(await buffer.readBinary(1), null);
    assert.equal(await buffer.readByte(), null);
    assert.equal(await buffer.slice(1), null);
    assert.equal(await buffer.read(new Uint8Array(1)), null);
    await buffer.waitReadable();
    await assert.rejects(buffer.skip(1), UnexpectedEOFError);
    assert.throws(() => buffer.trySkip(1), UnexpectedEOFError);
    assert.equal((await buffer.next(0))?.length, 0);
  });

  test('too few bytes at the end are an error that consumes nothing; peek and until give them', async () => {
    const buffer = pool({ owner: new Recorder() });
    arrive(buffer, bytes('abc'));
    const waiting = buffer.next(4);
    buffer.end();
    await assert.rejects(waiting, { code: 'ERR_UNEXPECTED_EOF', bytesRead: 3 });
    await assert.rejects(buffer.readString(4), UnexpectedEOFError);
    await assert.rejects(buffer.readBinary(4), UnexpectedEOFError);
    await assert.rejects(buffer.slice(4), UnexpectedEOFError);
    assert.throws(() => buffer.trySkip(4), UnexpectedEOFError);
    assert.equal(buffer.len, 3);
    assert.equal(text(await buffer.peek(10)), 'abc');
    assert.equal(text(await buffer.until('\n')), 'abc');
    assert.equal(await buffer.until('\n'), null);
  });

  test('calls that wait for more get what is left at the end where they may', async () => {
    const buffer = pool({ owner: new Recorder() });
    arrive(buffer, bytes('ab'));
    const peek = buffer.peek(4);
    buffer.end();
    assert.equal(text(await peek), 'ab');
    const other = pool({ owner: new Recorder() });
    const until = other.until('\n');
    arrive(other, bytes('no line'));
    other.end();
    assert.equal(text(await until), 'no line');
  });

  test('an error ends the stream behind what came before it', async () => {
    const buffer = pool({ owner: new Recorder() });
    const broken = new Error('reset');
    arrive(buffer, bytes('line\nab'));
    const waiting = buffer.next(100);
    buffer.end(broken);
    await assert.rejects(waiting, broken);
    assert.equal(text(await buffer.until('\n')), 'line\n');
    await assert.rejects(buffer.until('\n'), broken);
    await assert.rejects(buffer.peek(3), broken);
    assert.equal(text(await buffer.next(2)), 'ab');
    await assert.rejects(buffer.next(1), broken);
    await assert.rejects(buffer.read(new Uint8Array(1)), broken);
    await assert.rejects(buffer.skip(1), broken);
  });

  test('readAll reads to the end', async () => {
    const buffer = pool({ owner: new Recorder() });
    const all = readAll(buffer);
    for (let i = 0; i < 10; i++) {
      arrive(buffer, counting(50, i * 10));
      await null;
    }
    buffer.end();
    assert.equal((await all).length, 500);
  });
});

describe('closing and releasing', () => {
  const pool = pooled({ blockSize: 64 });

  test('close fails who waits and everybody later with the error of the owner', async () => {
    const buffer = pool({ owner: new Recorder() });
    const closed = { message: 'the connection is closed' };
    const waiting = buffer.next(4);
    buffer.close();
    await assert.rejects(waiting, closed);
    await assert.rejects(buffer.next(1), closed);
    await assert.rejects(buffer.peek(1), closed);
    await assert.rejects(buffer.skip(1), closed);
    await assert.rejects(buffer.until('\n'), closed);
    await assert.rejects(buffer.readString(1), closed);
    await assert.rejects(buffer.slice(1), closed);
    await assert.rejects(buffer.read(new Uint8Array(1)), closed);
    await assert.rejects(buffer.waitReadable(), closed);
    await assert.rejects(buffer.flush(), closed);
    await assert.rejects(buffer.write(new Uint8Array(1)), closed);
    for (const call of [
      () => buffer.malloc(1),
      () => buffer.mallocAck(0),
      () => buffer.writeBinary(new Uint8Array(1)),
      () => buffer.writeString('a'),
      () => buffer.writeByte(1),
      () => buffer.writeDirect(new Uint8Array(1), 0),
      () => buffer.append(pool()),
      () => buffer.tryNext(1),
      () => buffer.byteAt(0),
      () => buffer.reserve(1),
      () => buffer.lend(new Uint8Array(1)),
    ]) {
      assert.throws(call, closed);
    }
    assert.equal(buffer.len, 0);
    assert.equal(buffer.mallocLen, 0);
    buffer.release();
    buffer.close();
  });

  test('what is lent when a buffer closes stays as it is and is never used again', () => {
    const blocks = new BlockPool({ blockSize: 64 });
    const buffer = new LinkBuffer({ pool: blocks });
    buffer.writeString('secret of one connection');
    buffer.publish();
    const view = buffer.tryNext(6)!;
    buffer.close();
    assert.equal(blocks.stats().blocksInUse, 0);
    const others = Array.from({ length: 10 }, () => new LinkBuffer({ pool: blocks }));
    for (const other of others) other.writeString('another');
    if (process.env.GOPARK_POISON === '1') assert.equal(view.length, 0);
    else assert.equal(text(view), 'secret');
    for (const other of others) other.close();
  });

  test('a close while the owner fills the end waits with that block', () => {
    const blocks = new BlockPool({ blockSize: 64 });
    const buffer = new LinkBuffer({ pool: blocks, owner: new Recorder() });
    const space = buffer.reserve(10);
    buffer.close();
    assert.equal(blocks.stats().blocksInUse, 1);
    assert.throws(() => buffer.reset(null), ConcurrentUseError);
    const other = new LinkBuffer({ pool: blocks });
    const theirs = other.malloc(64).fill(1);
    space.fill(0xff);
    assert.ok(theirs.every((byte) => byte === 1));
    buffer.commit(10);
    other.close();
    assert.equal(blocks.stats().blocksInUse, 0);
  });

  test('a slice outlives the buffer and its close; after its release every use is an error', async () => {
    const buffer = pool();
    buffer.writeString('0123456789');
    buffer.publish();
    const slice = buffer.trySlice(5)!;
    buffer.close();
    const part = slice.trySlice(2)!;
    assert.equal(await slice.readString(3), '234');
    await slice.waitReadable();
    assert.equal(await slice.next(1), null);
    slice.release();
    assert.equal(await part.readString(2), '01');
    part[Symbol.dispose]();
    part[Symbol.dispose]();
    await assert.rejects(slice.next(1), ReleasedError);
    assert.throws(() => slice.release(), ReleasedError);
    assert.throws(() => part.tryNext(1), ReleasedError);
    assert.equal(slice.len, 0);
  });

  test('a slice cannot be written', () => {
    const buffer = pool();
    buffer.writeString('0123456789');
    buffer.publish();
    using slice = buffer.trySlice(5) as LinkBuffer;
    assert.throws(() => slice.writeByte(1), TypeError);
    assert.throws(() => slice.malloc(1), TypeError);
    slice.tryNext(5);
    slice.tryNext(0);
  });

  test('held memory counts, in views and slices, and the owner hears when it is less', () => {
    const owner = new Recorder();
    const buffer = pool({ owner });
    for (let i = 0; i < 8; i++) arrive(buffer, new Uint8Array(64));
    const slice = buffer.trySlice(128)!;
    const nested = slice.trySlice(64)!;
    assert.equal(buffer.len, 384);
    assert.equal(buffer.heldLength, 512);
    buffer.tryNext(64);
    buffer.tryNext(64);
    assert.equal(buffer.len, 256);
    assert.equal(buffer.heldLength, 512);
    buffer.notifyAt(300);
    buffer.trySkip(192);
    assert.equal(owner.drainedCount, 0);
    buffer.release();
    assert.equal(owner.drainedCount, 1);
    assert.equal(buffer.heldLength, 192);
    buffer.notifyAt(100);
    slice.release();
    assert.equal(owner.drainedCount, 2, 'the slice is back, though a slice of it is not');
    assert.equal(buffer.heldLength, 64);
    nested.release();
    buffer.notifyAt(0);
    buffer.trySkip(64);
    assert.equal(owner.drainedCount, 3);
    assert.equal(buffer.idle, true);
  });

  test('a buffer that is reset serves another owner; old slices do not disturb it', async () => {
    const buffer = pool({ owner: new Recorder() });
    arrive(buffer, bytes('abcdef'));
    const slice = buffer.trySlice(3)!;
    buffer.close();
    const owner = new Recorder();
    buffer.reset(owner);
    slice.release();
    assert.equal(buffer.heldLength, 0);
    const next = buffer.next(2);
    assert.deepEqual(owner.needs, [2]);
    arrive(buffer, bytes('gh'));
    assert.equal(text(await next), 'gh');
    buffer.release();
    assert.equal(buffer.idle, true);
    buffer.reset(null);
    await assert.rejects(buffer.next(1), NotEnoughDataError);
  });
});

describe('sizes', () => {
  test('a call that waits for much does not take much more than that', async () => {
    const pool = new BlockPool();
    const buffer = new LinkBuffer({ pool, owner: new Recorder() });
    const next = buffer.next(1024 * 1024);
    for (let i = 0; i < 1024; i++) arrive(buffer, new Uint8Array(1024).fill(i));
    const all = await next;
    assert.equal(all?.[1024 * 1024 - 1], 255);
    assert.ok(pool.stats().bytesInUse <= 4 * 1024 * 1024);
    buffer.release();
    assert.equal(pool.stats().blocksInUse, 0);
  });

  test('messages of any size come out as they went in', async () => {
    const pool = new BlockPool();
    const buffer = new LinkBuffer({ pool });
    for (let size = 8 * 1024 * 1024; size >= 1; size >>= 1) {
      const message = new Uint8Array(size);
      for (let i = 0; i < size; i += 1021) message[i] = i;
      for (let from = 0; from < size; from += 4000) buffer.writeBinary(message.subarray(from, from + 4000));
      buffer.publish();
      assert.equal(Buffer.compare((await buffer.next(size))!, message), 0);
      buffer.release();
    }
    assert.equal(pool.stats().blocksInUse, 0);
  });

  test('what a read asks for grows with full reads and is small again soon after a burst', () => {
    const pool = new BlockPool();
    const buffer = new LinkBuffer({ pool, owner: new Recorder() });
    assert.equal(buffer.readSize, 8192);
    for (let i = 0; i < 64; i++) {
      const space = buffer.reserve();
      buffer.commit(space.length);
      buffer.trySkip(buffer.len);
    }
    assert.equal(buffer.readSize, 1024 * 1024);
    let messages = 0;
    for (; buffer.readSize > 8192; messages++) {
      buffer.reserve();
      buffer.commit(100);
      buffer.tryNext(100);
      buffer.release();
    }
    assert.ok(messages <= 8, `${messages} messages later`);
    buffer.reserve();
    buffer.commit(100);
    assert.equal(pool.stats().bytesInUse, 8192);
    buffer.close();
  });

  test('the tail is filled on while it is lent, so short messages do not pin a block each', () => {
    const pool = new BlockPool();
    const buffer = new LinkBuffer({ pool, owner: new Recorder() });
    const views: Uint8Array[] = [];
    for (let i = 0; i < 100; i++) {
      arrive(buffer, counting(16, i));
      views.push(buffer.tryNext(16)!);
    }
    assert.equal(pool.stats().blocksInUse, 1);
    for (const [i, view] of views.entries()) assert.deepEqual(list(view), list(counting(16, i)));
    buffer.release();
    assert.equal(pool.stats().blocksInUse, 0);
  });
});

test('counts that cannot be are refused', async () => {
  const buffer = new LinkBuffer({ owner: new Recorder() });
  for (const n of [Number.NaN, 1.5, Number.POSITIVE_INFINITY, '4' as never, undefined as never]) {
    for (const call of [
      () => buffer.next(n),
      () => buffer.peek(n),
      () => buffer.skip(n),
      () => buffer.readString(n),
      () => buffer.readBinary(n),
      () => buffer.slice(n),
    ]) {
      await assert.rejects(call(), { code: /ERR_OUT_OF_RANGE|ERR_INVALID_ARG_TYPE/ });
    }
    assert.throws(() => buffer.tryNext(n), RangeError);
    assert.throws(() => buffer.trySkip(n), RangeError);
    assert.throws(() => buffer.malloc(n), RangeError);
    assert.throws(() => buffer.mallocAck(n), RangeError);
    assert.throws(() => buffer.consume(n), RangeError);
  }
  assert.throws(() => buffer.commit(1), RangeError);
  assert.throws(() => buffer.consume(1), RangeError);
  assert.throws(() => buffer.moveTo(new LinkBuffer(), 1), RangeError);
  assert.throws(() => buffer.writeByte(256), RangeError);
  assert.throws(() => buffer.writeString(1 as never), TypeError);
  assert.throws(() => buffer.writeBinary('a' as never), TypeError);
  assert.throws(() => buffer.writeDirect(new Uint8Array(1), 1), RangeError);
  assert.throws(() => buffer.append({} as never), TypeError);
  assert.equal(buffer.byteAt(-1), -1);
  assert.equal(buffer.idle, true);
});

test('only what a buffer lent is Lent, and it says so in the types', () => {
  const buffer = new LinkBuffer();
  buffer.writeString('abc');
  buffer.publish();
  const view: Lent = buffer.tryNext(2)!;
  const usable: Uint8Array = view;
  // @ts-expect-error: an array of one's own is not lent
  const wrong: Lent = new Uint8Array(2);
  // @ts-expect-error: a copy is not lent, either
  const copy: Lent = view.slice();
  assert.deepEqual([usable.length, wrong.length, copy.length], [2, 2, 2]);
  buffer.close();
});
