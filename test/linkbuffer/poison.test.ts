// GOPARK_POISON=1: misuse of lent memory is loud. In a process of its own, as the switch is read when it begins.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChild } from '../lib/child.js';

const setup = `
  import assert from 'node:assert/strict';
  import { BlockPool, checkLent, LinkBuffer, ReleasedError } from 'gopark/linkbuffer';
  const pool = new BlockPool({ blockSize: 64 });
  const create = () => new LinkBuffer({ pool });
  const filled = (s) => {
    const buffer = create();
    buffer.writeString(s);
    buffer.publish();
    return buffer;
  };
  const text = (view) => Buffer.from(view).toString();
`;

async function poisoned(code: string, poison = '1'): Promise<void> {
  const { code: exit, stderr } = await runChild(setup + code, { env: { GOPARK_POISON: poison } });
  assert.equal(exit, 0, stderr);
}

test('what was lent for reading is gone after the release, and checkLent says where that was', () =>
  poisoned(`
    const buffer = filled('hello, world');
    const [a, b, c] = [buffer.tryNext(5), buffer.tryPeek(2), buffer.tryUntil('d')];
    for (const view of [a, b, c]) checkLent(view);
    assert.equal(text(a) + text(c), 'hello, world');
    function releaser() {
      buffer.release();
    }
    releaser();
    for (const view of [a, b, c]) {
      assert.equal(view.length, 0);
      assert.equal(view[0], undefined);
      assert.throws(() => view.indexOf(1), TypeError);
      assert.throws(() => new TextDecoder().decode(view.subarray(0)), TypeError);
      assert.throws(() => create().writeBinary(view), TypeError);
      assert.throws(() => checkLent(view), (error) => {
        assert.ok(error instanceof ReleasedError);
        assert.match(error.cause.stack, /releaser/);
        return true;
      });
    }
    assert.equal(pool.stats().blocksInUse, 0);
  `));

test('what was lent for reading lives until its release, over everything else', () =>
  poisoned(`
    const buffer = filled('hello, world');
    const view = buffer.tryNext(5);
    buffer.writeString('more');
    buffer.publish();
    buffer.trySkip(11);
    assert.equal(text(view), 'hello');
    buffer.close();
    assert.equal(view.length, 0);
  `));

test('what was lent for writing is gone after the flush, with its bytes in the buffer', () =>
  poisoned(`
    const buffer = create();
    const space = buffer.malloc(8);
    assert.ok(space.every((byte) => byte === 0xdb), 'what is not filled shows');
    space.set([1, 2, 3, 4]);
    await buffer.flush();
    assert.equal(space.length, 0);
    assert.throws(() => space.fill(1), TypeError);
    assert.throws(() => checkLent(space), ReleasedError);
    assert.deepEqual([...buffer.tryNext(4)], [1, 2, 3, 4]);
    // Another allocation in the same block, while the first part is still to be read.
    const second = buffer.malloc(4);
    second.set([5, 6, 7, 8]);
    await buffer.flush();
    assert.equal(second.length, 0);
    buffer.trySkip(4);
    assert.deepEqual([...buffer.tryNext(4)], [5, 6, 7, 8]);
    buffer.release();
    assert.equal(pool.stats().blocksInUse, 0);
  `));

test('memory of the pool is overwritten', () =>
  poisoned(`
    const block = pool.take(1);
    assert.ok(block.bytes.every((byte) => byte === 0xdb));
    block.bytes.fill(7);
    block.release();
    assert.ok(block.bytes.every((byte) => byte === 0xdb));
  `));

test('lent memory that was written elsewhere is there after its release', () =>
  poisoned(`
    const buffer = create();
    buffer.writeBinary(new Uint8Array(10000).fill(65));
    buffer.publish();
    const view = buffer.tryNext(10000);
    const other = create();
    other.writeBinary(view);
    other.writeDirect(view);
    buffer.release();
    other.publish();
    assert.equal(other.tryReadString(20000), 'A'.repeat(20000));
  `));

test('a slice after its release is an error in any mode', async () => {
  for (const poison of ['0', '1']) {
    await poisoned(
      `
      const buffer = filled('hello');
      const slice = buffer.trySlice(5);
      slice.release();
      assert.throws(() => slice.tryNext(1), ReleasedError);
      assert.throws(() => slice.release(), ReleasedError);
      assert.equal(pool.stats().blocksInUse, 0);
    `,
      poison,
    );
  }
});

test('without the switch checkLent knows nothing and views stay', () =>
  poisoned(
    `
    const buffer = filled('hello');
    const view = buffer.tryNext(5);
    buffer.release();
    checkLent(view);
    assert.equal(view.length, 5);
  `,
    '0',
  ));

test('everything else works as ever, only slower', async () => {
  for (const name of ['conformance', 'waiting', 'model']) {
    const file = new URL(`./${name}.test.js`, import.meta.url);
    const { code, stdout } = await runChild(`await import(${JSON.stringify(file.href)});`, {
      env: { GOPARK_POISON: '1', GOPARK_RUNS: '50' },
      ms: 60_000,
    });
    assert.equal(code, 0, stdout);
  }
});
