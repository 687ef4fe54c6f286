import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fastCheck from 'fast-check';
import { open } from 'gopark/os';
import { fileHeader, orderRecord } from '#dist/cli/gateway/journal/format.js';
import { type Recovered, recover } from '#dist/cli/gateway/journal/recover.js';
import { scan } from '#dist/cli/gateway/journal/scan.js';
import { directoryOf, SlowDisk } from '../../os/lib.ts';
import { journalCommand } from './lib.ts';

/** A journal with `count` orders, and where each of its records ends. */
function journalOf(count: number): { bytes: Buffer; ends: number[] } {
  const parts: Uint8Array[] = [fileHeader(1)];
  for (let i = 1; i <= count; i++) parts.push(Buffer.from(orderRecord(i, `id-${i} BUY ACME ${i} 1.5`)));
  let at = 0;
  return { bytes: Buffer.concat(parts), ends: parts.map((part) => (at += part.length)) };
}

/** Recovers, and closes what it opened. */
async function recovered(path: string): Promise<Recovered> {
  const found = await recover(path);
  await found.file.close();
  await found.lock.close();
  return found;
}

describe('journal: recovery', () => {
  test('a new one', async (t) => {
    const path = join(directoryOf(t), 'j');
    const found = await recovered(path);
    assert.deepEqual([found.orders, found.nextSequence, found.cut], [0, 1, null]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const again = await recovered(path);
    assert.deepEqual([again.orders, again.nextSequence, again.cut], [0, 1, null]);
  });

  test('torn at any byte: nothing before it is lost, and the journal goes on', async (t) => {
    const path = join(directoryOf(t), 'j');
    const { bytes, ends } = journalOf(2);
    for (let length = 0; length <= bytes.length; length++) {
      writeFileSync(path, bytes.subarray(0, length));
      const whole = ends.filter((end) => end <= length).length;
      const found = await recovered(path);
      assert.equal(found.orders, Math.max(0, whole - 1), `${length} bytes`);
      assert.equal(found.nextSequence, Math.max(1, whole));
      const good = whole === 0 ? 0 : ends[whole - 1]!;
      assert.equal(found.cut?.bytes ?? 0, length - good);
      if (whole > 0) assert.deepEqual(readFileSync(path), bytes.subarray(0, good));
      if (found.cut !== null) assert.deepEqual(readFileSync(found.cut.keptIn), bytes.subarray(good, length));
      const file = await open(path, 'a');
      await file.write(orderRecord(found.nextSequence, 'next SELL X 1 1'));
      await file.close();
      const after = await recovered(path);
      assert.deepEqual([after.orders, after.cut], [found.orders + 1, null]);
    }
  });

  test('damaged anywhere: what stands before it stays, the rest is kept aside', async (t) => {
    const path = join(directoryOf(t), 'j');
    const { bytes, ends } = journalOf(40);
    await fastCheck.assert(
      fastCheck.asyncProperty(
        fastCheck.integer({ min: 8, max: bytes.length - 1 }),
        fastCheck.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const damaged = Buffer.from(bytes);
          damaged[at] = damaged[at]! ^ flip;
          writeFileSync(path, damaged);
          const whole = ends.filter((end) => end <= at).length;
          const found = await recovered(path);
          assert.equal(found.orders, Math.max(0, whole - 1));
          const good = whole === 0 ? 0 : ends[whole - 1]!;
          assert.deepEqual(readFileSync(found.cut!.keptIn), damaged.subarray(good));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('zeros behind the end, as a power cut may leave them', async (t) => {
    const path = join(directoryOf(t), 'j');
    const { bytes } = journalOf(3);
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(5000)]));
    const found = await recovered(path);
    assert.deepEqual([found.orders, found.cut?.at, found.cut?.bytes], [3, bytes.length, 5000]);
  });

  test('records that repeat numbers are no part of it', async (t) => {
    const path = join(directoryOf(t), 'j');
    const { bytes } = journalOf(3);
    writeFileSync(path, Buffer.concat([bytes, orderRecord(3, 'x BUY A 1 1')]));
    assert.equal((await recovered(path)).orders, 3);
    writeFileSync(path, Buffer.concat([bytes, fileHeader(9)]));
    assert.equal((await recovered(path)).orders, 3);
  });

  test('no room for what is to be cut off: everything stays as it was', async (t) => {
    const path = join(directoryOf(t), 'j');
    const { bytes } = journalOf(2);
    const torn = bytes.subarray(0, bytes.length - 1);
    writeFileSync(path, torn);
    const disk = new SlowDisk(t, ['write']);
    const recovering = recover(path);
    const full = { code: 'ENOSPC', errno: -28, syscall: 'write' };
    const write = disk.next().then((call) => call.release(Object.assign(new Error('full'), full)));
    await assert.rejects(recovering, ({ cause }: Error) => (cause as { code: string }).code === 'ENOSPC');
    await write;
    assert.deepEqual(readdirSync(join(path, '..')).sort(), ['j', 'j.lock']);
    assert.deepEqual(readFileSync(path), torn);
    const again = recovered(path);
    (await disk.next()).release();
    assert.equal((await again).orders, 1);
  });

  test('a large one, read in pieces', async (t) => {
    const path = join(directoryOf(t), 'j');
    const { bytes, ends } = journalOf(60_000);
    writeFileSync(path, bytes);
    await using file = await open(path);
    let seen = 0;
    const found = await scan(file, (payload) => {
      if (seen > 0) assert.ok(payload.endsWith(` id-${seen} BUY ACME ${seen} 1.5`));
      seen++;
    });
    assert.deepEqual(found, { end: ends.at(-1), size: bytes.length, orders: 60_000, nextSequence: 60_001 });
    assert.equal(seen, 60_001);
  });

  test('what is no journal is left alone', async (t) => {
    const directory = directoryOf(t);
    const path = join(directory, 'notes.txt');
    writeFileSync(path, 'dear diary');
    await assert.rejects(recover(path), { code: 'ERR_NOT_A_JOURNAL' });
    assert.equal(readFileSync(path, 'utf8'), 'dear diary');
    await assert.rejects(recover(join(directory, 'none', 'j')), { code: 'ENOENT' });
    await assert.rejects(recover(directory), { code: 'EISDIR' });
  });

  test('one writer at a time', async (t) => {
    const path = join(realpathSync(directoryOf(t)), 'j');
    const first = await recover(path);
    await assert.rejects(recover(path), { code: 'ERR_LOCKED', path });
    await first.file.close();
    await first.lock.close();
    await recovered(path);
    assert.deepEqual(readdirSync(join(path, '..')).sort(), ['j', 'j.lock']);
  });

  test('one writer at a time, whichever symbolic link leads to it', async (t) => {
    const directory = realpathSync(directoryOf(t));
    const [path, link] = [join(directory, 'disk', 'j'), join(directory, 'j')];
    mkdirSync(join(directory, 'disk'));
    symlinkSync(join('disk', 'j'), link);
    const first = await recover(link);
    assert.equal(first.file.path, path);
    await assert.rejects(recover(path), { code: 'ERR_LOCKED', path });
    await assert.rejects(recover(link), { code: 'ERR_LOCKED', path });
    await first.file.close();
    await first.lock.close();
    assert.deepEqual(readdirSync(directory).sort(), ['disk', 'j']);
    assert.deepEqual(readdirSync(join(directory, 'disk')).sort(), ['j', 'j.lock']);
  });
});

describe('gopark journal cat', () => {
  test('prints records; says what is behind them', (t) => {
    const path = join(directoryOf(t), 'j');
    const { bytes } = journalOf(2);
    writeFileSync(path, bytes);
    const whole = journalCommand('cat', path);
    assert.deepEqual([whole.code, whole.stderr, whole.lines.length], [0, '', 3]);
    assert.match(whole.lines[0]!, /^begin 1 \d+$/);
    assert.match(whole.lines[2]!, /^2 \d{13} id-2 BUY ACME 2 1\.5$/);
    writeFileSync(path, bytes.subarray(0, -1));
    const torn = journalCommand('cat', path);
    assert.deepEqual([torn.code, torn.lines.length], [1, 2]);
    assert.match(torn.stderr, /bytes of no whole record at \d+/);
    assert.deepEqual(readFileSync(path), bytes.subarray(0, -1), 'it only reads');
  });

  test('bad calls', (t) => {
    assert.equal(journalCommand('cat', join(directoryOf(t), 'none')).code, 1);
    for (const args of [[], ['dog', 'x'], ['cat', '--all']]) {
      const { code, stderr } = journalCommand(...args);
      assert.equal(code, 2, args.join(' '));
      assert.notEqual(stderr, '');
    }
  });
});
