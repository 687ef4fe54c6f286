import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ElfError, readElf } from '#dist/poll/drivers/elf.js';
import { runningLibc } from '#dist/poll/drivers/libc.js';
import { type Host, objection, platformPackage, thisHost } from '#dist/poll/drivers/native-file.js';
import { nativeBuild } from './lib/installed.ts';

const skip = existsSync(nativeBuild) ? false : 'there is no native build';
const linux = process.platform === 'linux' ? false : 'not Linux';

/** A copy of the file with other bytes at some places. */
function patched(file: Uint8Array, patches: Record<number, number>): Uint8Array {
  const copy = Uint8Array.from(file);
  for (const [at, value] of Object.entries(patches)) copy[Number(at)] = value;
  return copy;
}

describe('native file: what is looked at before it is loaded', { skip }, () => {
  const file = skip === false ? readFileSync(nativeBuild) : new Uint8Array(0);
  const host = skip === false ? thisHost() : ({} as Host);

  test('nothing speaks against the one that was built here', () => {
    assert.equal(objection(file, host), null);
    assert.deepEqual(readElf(file, { whole: true }).needed.length > 0, true);
  });

  test('cut off anywhere, it is truncated', () => {
    for (let length = 64; length < file.length; length += 61) {
      assert.equal(objection(file.subarray(0, length), host), 'the file is truncated', `${length} bytes`);
    }
    assert.equal(objection(file.subarray(0, file.length - 1), host), 'the file is truncated');
    assert.equal(objection(new Uint8Array(0), host), 'the file is empty');
    assert.equal(objection(file.subarray(0, 4), host), 'the file is truncated');
  });

  test('no ELF file at all', () => {
    assert.equal(objection(Buffer.from('not found\n'), host), 'not an ELF file');
    assert.equal(objection(Buffer.from([0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1]), host), 'not an ELF file');
  });

  test('another architecture, other word size, other byte order, no library', () => {
    const littleEndian = file[5] === 1;
    const [low, high] = littleEndian ? [0, 1] : [1, 0];
    const other = host.arch === 'arm64' ? { arch: 'x64', machine: 62 } : { arch: 'arm64', machine: 183 };
    assert.equal(
      objection(patched(file, { [18 + low!]: other.machine, [18 + high!]: 0 }), host),
      `built for ${other.arch}, this Node is ${host.arch}`,
    );
    assert.match(objection(patched(file, { 4: file[4] === 2 ? 1 : 2 }), host) ?? '', /./);
    assert.match(objection(patched(file, { 5: littleEndian ? 2 : 1 }), host) ?? '', /./);
    assert.equal(objection(patched(file, { [16 + low!]: 1 }), host), 'not a shared library');
  });

  test('another C library', { skip: host.libc === 'glibc' ? false : 'built for musl' }, () => {
    assert.equal(objection(file, { ...host, libc: 'musl' }), 'built for glibc, this Node runs on musl');
    const at = Buffer.from(file).indexOf('libc.so.6\0');
    assert.notEqual(at, -1);
    const musl = patched(file, { [at + 7]: 0 });
    assert.equal(objection(musl, { ...host, libc: 'musl' }), null);
    assert.equal(objection(musl, host), 'built for musl, this Node runs on glibc');
  });

  test('damaged headers: an answer, and soon', () => {
    const place = fc.oneof(fc.integer({ min: 4, max: 1024 }), fc.integer({ min: 0, max: file.length - 1 }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(place, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
        (damage) => {
          const answer = objection(patched(file, Object.fromEntries(damage)), host);
          assert.ok(answer === null || answer.length > 0);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('native file: this host', () => {
  test('the C library, told by the file of Node as by its report', { skip: linux }, () => {
    const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    assert.equal(runningLibc(), header.glibcVersionRuntime === undefined ? 'musl' : 'glibc');
  });

  test('the name of its package', () => {
    assert.equal(platformPackage({ platform: 'linux', arch: 'x64', libc: 'glibc' }), '@gopark/linux-x64');
    assert.equal(
      platformPackage({ platform: 'linux', arch: 'arm64', libc: 'musl' }),
      '@gopark/linux-arm64-musl',
    );
  });

  test('an executable: its interpreter from the start of the file alone', { skip: linux }, () => {
    const start = readFileSync('/proc/self/exe').subarray(0, 16 * 1024);
    const { interpreter } = readElf(start, { whole: false });
    assert.match(interpreter ?? '', /^\/.*ld/);
    assert.throws(() => readElf(start, { whole: true }), ElfError);
  });
});
