import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

// What a page would run: nothing of Node, and no Buffer to borrow functions from.
const page = `
  delete globalThis.Buffer;
  delete globalThis.process;
  const { Reader, Scanner, Writer } = await import('gopark/bufio');
  const { Buffer: Bytes, StringReader } = await import('gopark/bytes');
  const { copy, readAll } = await import('gopark/io');
  const target = new Bytes();
  const writer = new Writer(target, 16);
  for await (const line of new Scanner(new StringReader('grüezi\\r\\n\\ufeffmitenand\\n€'))) {
    await writer.writeString('[' + line + ']');
  }
  await writer.writeString('lone \\ud800');
  await writer.flush();
  const reader = new Reader(target);
  console.log(JSON.stringify([await reader.readString(']'), new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readAll(reader))]));
`;

test('io, bufio and bytes work where there is neither Buffer nor process', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', page], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(result.stderr, '');
  assert.deepEqual(JSON.parse(result.stdout), ['[grüezi]', '[\ufeffmitenand][€]lone \ufffd']);
});
