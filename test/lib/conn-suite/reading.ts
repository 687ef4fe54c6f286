import assert from 'node:assert/strict';
import { concat, pattern, sameBytes, text } from '../bytes.ts';
import { echo, readExactly, readToEnd, roundTrip } from '../peers.ts';
import { stillPending } from '../waiting.ts';
import type { Row } from './row.ts';

export function reading(row: Row): void {
  row('C-8 zero-byte read: 0, without waiting and without data', async (a, b) => {
    assert.equal(await a.read(new Uint8Array(0)), 0);
    assert.equal(await b.read(new Uint8Array(0)), 0);
  });

  row('the end of the stream comes again and again', async (a, b) => {
    const writing = b.write(text('x'));
    sameBytes(await readExactly(a, 1), text('x'));
    await writing;
    await b.close();
    for (let i = 0; i < 3; i++) assert.equal(await a.read(new Uint8Array(10)), null);
  });

  row('bytes that came before the peer closed are delivered before the end', async (a, b) => {
    const sent = pattern(100_000);
    const writing = b.write(sent).then(() => b.close());
    sameBytes(await readToEnd(a, 777), sent);
    await writing;
  });

  row('readers queue: each byte goes to exactly one, in order', async (a, b) => {
    const buffers = Array.from({ length: 8 }, () => new Uint8Array(4));
    const reads = buffers.map((p) => a.read(p));
    await b.write(pattern(32, 5));
    let bytes = concat(
      await Promise.all(reads.map(async (read, index) => buffers[index]!.subarray(0, (await read)!))),
    );
    if (bytes.length < 32) bytes = concat([bytes, await readExactly(a, 32 - bytes.length)]);
    sameBytes(bytes, pattern(32, 5));
  });

  row('C-9 the peer closes while we wait: the end', async (a, b) => {
    const reading = a.read(new Uint8Array(1));
    await stillPending(reading, 'the read');
    await b.close();
    assert.equal(await reading, null);
  });

  row('what is left of a message after a short read comes first in the next', async (a, b) => {
    const writing = b.write(text('abcdefghij'));
    sameBytes(await readExactly(a, 3), text('abc'));
    sameBytes(await readExactly(a, 1), text('d'));
    sameBytes(await readExactly(a, 6), text('efghij'));
    await writing;
  });

  row('arguments: what is no Uint8Array is refused, and nothing breaks', async (a, b) => {
    await assert.rejects(a.read('x' as never), TypeError);
    await assert.rejects(a.write('x' as never), TypeError);
    await assert.rejects(a.write(undefined as never), TypeError);
    void echo(b);
    await roundTrip(a);
  });
}
