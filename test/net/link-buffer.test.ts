// linkReader and linkWriter over connections: the buffers of the event loop in the goroutine style.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockPool, linkReader, linkWriter } from 'gopark/linkbuffer';
import { tcpPair } from '../lib/pair.js';

test('frames of all sizes cross a connection, by writev and in one piece', async () => {
  const pool = new BlockPool();
  const { a, b } = await tcpPair();
  const sizes = Array.from({ length: 18 }, (_, i) => 2 ** i + 3);
  const receive = async () => {
    using reader = linkReader(b, { pool });
    for (const size of sizes) {
      const header = await reader.next(4);
      assert.equal(new DataView(header!.buffer, header!.byteOffset).getUint32(0), size);
      const frame = await reader.next(size);
      assert.ok(frame!.every((byte) => byte === size % 251));
      reader.release();
    }
    assert.equal(await reader.until('\n'), null);
  };
  const send = async () => {
    using writer = linkWriter(a, { pool });
    for (const size of sizes) {
      const header = writer.malloc(4);
      new DataView(header.buffer, header.byteOffset).setUint32(0, size);
      writer.writeBinary(new Uint8Array(size).fill(size % 251));
      if (size % 2 === 0 || size > 5000) await writer.flush();
    }
    await writer.flush();
    await a.closeWrite();
  };
  await Promise.all([receive(), send()]);
  await Promise.all([a.close(), b.close()]);
  assert.equal(pool.stats().blocksInUse, 0);
});

test('an idle reader of a connection holds no block; lines go back and forth', async () => {
  const pool = new BlockPool();
  const { a, b } = await tcpPair();
  using reader = linkReader(a, { pool });
  using peer = linkReader(b);
  using writer = linkWriter(b);
  for (let i = 0; i < 100; i++) {
    const line = reader.until('\n');
    assert.equal(pool.stats().blocksInUse, 0);
    writer.writeString(`line ${i}\n`);
    await writer.flush();
    assert.equal(Buffer.from((await line)!).toString(), `line ${i}\n`);
    reader.release();
  }
  const last = reader.readString(4);
  await writer.write(Buffer.from('ab'));
  await b.closeWrite();
  await assert.rejects(last, { code: 'ERR_UNEXPECTED_EOF' });
  assert.equal(await reader.readString(2), 'ab');
  await a.close();
  assert.equal(await peer.next(1), null);
  await b.close();
});
