import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Buffer as ByteBuffer } from 'gopark/bytes';
import { CopyError, copy, type Reader, type Writer, type WriterTo } from 'gopark/io';
import type { StreamConn } from 'gopark/net';
import { pattern, sameBytes, text } from '../lib/bytes.ts';
import { type MakePair, tcpPair, unixPairs, withPair } from '../lib/pair.ts';
import { readToEnd } from '../lib/peers.ts';

describe('writeTo of a connection', () => {
  for (const [name, makePair] of [
    ['tcp', tcpPair],
    ['unix', unixPairs('unix')],
  ] as [string, MakePair<StreamConn>][]) {
    test(`${name}: to a writer, all bytes up to the end`, async () => {
      await withPair(makePair, async ({ a, b }) => {
        const bytes = pattern(300_000);
        const page = new ByteBuffer();
        const copying = b.writeTo({ write: (p) => page.write(p) });
        await a.write(bytes);
        await a.closeWrite();
        assert.equal(await copying, bytes.length);
        sameBytes(page.bytes(), bytes);
      });
    });
  }

  test('to another connection: what its readFrom does', async () => {
    await withPair(tcpPair, ({ a, b: source }) =>
      withPair(tcpPair, async ({ a: target, b }) => {
        const bytes = pattern(1 << 20);
        const copying = source.writeTo(target).then(() => target.closeWrite());
        const [received] = await Promise.all([readToEnd(b), a.write(bytes).then(() => a.closeWrite())]);
        sameBytes(received, bytes);
        await copying;
      }),
    );
  });

  test('a destination that would rather be written to is not led back', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const page = new ByteBuffer();
      const destination = {
        write: (p: Uint8Array) => page.write(p),
        readFrom: (r: Reader & Partial<WriterTo>): Promise<number> =>
          r.writeTo?.(destination) ?? copy({ write: destination.write }, r),
      };
      await a.write(text('once'));
      await a.closeWrite();
      assert.equal(await copy(destination, b), 4);
      assert.equal(page.toString(), 'once');
    });
  });

  test('says which side failed, and how many bytes went', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      await a.write(text('abc'));
      const failing: Writer = { write: () => Promise.reject(new Error('full')) };
      await assert.rejects(b.writeTo(failing), (error: CopyError) => {
        assert.ok(error instanceof CopyError);
        assert.deepEqual([error.side, error.bytesCopied], ['write', 0]);
        return true;
      });
      const page = new ByteBuffer();
      await a.write(text('de'));
      const copying = b.writeTo(page);
      b.setReadDeadline(new Date(0));
      await assert.rejects(copying, (error: CopyError) => error.side === 'read' && error.bytesCopied <= 2);
      await assert.rejects(b.writeTo(null as unknown as Writer), TypeError);
    });
  });
});
