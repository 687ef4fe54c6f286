import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { findNative, loadNative } from '#dist/poll/drivers/epoll/native.js';
import {
  FSYNC_DATASYNC,
  OP_ASYNC_CANCEL,
  OP_FSYNC,
  OP_NOP,
  OP_POLL_ADD,
  OP_READ,
  OP_WRITE,
  Q_ADDRESS,
  Q_ADDRESS_HIGH,
  Q_LENGTH,
  Q_OFFSET,
  Q_OP_FLAGS,
  Q_USER,
  Q_USER_HIGH,
  SQE_IO_LINK,
} from '#dist/poll/drivers/uring/abi.js';
import { highWord, Ring, type RingSizes } from '#dist/poll/drivers/uring/ring.js';
import { runChild } from '../lib/child.ts';
import { lacks } from '../lib/needs.ts';
import { until } from '../lib/waiting.ts';

function whyNot(): string | false {
  if ('why' in findNative()) return lacks('this clone', 'the native part');
  const ring = Ring.open(loadNative(), { submissions: 4, completions: 8 });
  if (!(ring instanceof Ring)) return lacks('this kernel', `io_uring (${ring.step}: errno ${ring.errno})`);
  ring.close();
  return false;
}

interface Told {
  readonly id: number;
  readonly generation: number;
  readonly result: number;
  readonly flags: number;
}

/** A ring and what it has told its only user. */
function open(sizes: RingSizes = { submissions: 64, completions: 128 }) {
  const ring = Ring.open(loadNative(), sizes);
  assert.ok(ring instanceof Ring);
  const told: Told[] = [];
  const completed = (id: number, generation: number, result: number, flags: number) =>
    void told.push({ id, generation, result, flags });
  const tag = ring.join({ completed });
  ring.hold();
  const close = () => {
    ring.release();
    ring.close();
  };
  return { ring, tag, told, [Symbol.dispose]: close };
}

/** Fills in where `bytes` are. */
function name(ring: Ring, base: number, bytes: Uint8Array): void {
  const address = ring.addressOf(bytes);
  ring.sqes[base + Q_ADDRESS] = address | 0;
  ring.sqes[base + Q_ADDRESS_HIGH] = highWord(address);
  ring.sqes[base + Q_LENGTH] = bytes.length;
}

describe('a ring', { skip: whyNot() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gopark-ring-'));
  after(() => rmSync(folder, { recursive: true }));

  /** A FIFO without a byte in it. */
  function silence(): { fifo: number; [Symbol.dispose](): void } {
    const path = join(folder, `fifo-${performance.now()}`);
    assert.equal(spawnSync('mkfifo', [path]).status, 0);
    const fifo = openSync(path, 'r+');
    return { fifo, [Symbol.dispose]: () => closeSync(fifo) };
  }

  test('tells what was submitted, without a call, by its id and generation', async () => {
    using opened = open();
    const { ring, tag, told } = opened;
    for (let id = 0; id < 10; id++) ring.next(OP_NOP, -1, tag, id, 1000 + id);
    assert.ok(ring.pending);
    assert.equal(told.length, 0);
    await until(() => told.length === 10, 'ten completions');
    assert.deepEqual(
      told.map(({ id, generation, result }) => [id, generation, result]),
      Array.from({ length: 10 }, (_, id) => [id, 1000 + id, 0]),
    );
    assert.ok(!ring.pending);
  });

  test('keeps the process alive exactly while it is held', async () => {
    const { code, stdout } = await runChild(`
      import { Ring } from '#dist/poll/drivers/uring/ring.js';
      import { OP_NOP } from '#dist/poll/drivers/uring/abi.js';
      import { loadNative } from '#dist/poll/drivers/epoll/native.js';
      const ring = Ring.open(loadNative(), { submissions: 4, completions: 8 });
      const tag = ring.join({ completed: (id) => { console.log('told', id); ring.release(); } });
      ring.hold();
      setImmediate(() => setImmediate(() => ring.next(OP_NOP, -1, tag, 7, 0)));
    `);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'told 7\n' });
  });

  test('writes and reads a file, in order, with its data on the disk', async () => {
    using opened = open();
    const { ring, tag, told } = opened;
    const path = join(folder, 'file');
    const file = openSync(path, 'w+');
    const text = new TextEncoder().encode('what the kernel writes');
    name(ring, ring.next(OP_WRITE | (SQE_IO_LINK << 8), file, tag, 1, 0), text);
    ring.sqes[ring.next(OP_FSYNC, file, tag, 2, 0) + Q_OP_FLAGS] = FSYNC_DATASYNC;
    await until(() => told.length === 2, 'the write');
    assert.deepEqual(
      told.map(({ id, result }) => [id, result]),
      [
        [1, text.length],
        [2, 0],
      ],
    );
    assert.equal(readFileSync(path, 'utf8'), 'what the kernel writes');
    const into = new Uint8Array(64);
    const base = ring.next(OP_READ, file, tag, 3, 0);
    name(ring, base, into);
    ring.sqes[base + Q_OFFSET] = 5;
    await until(() => told.length === 3, 'the read');
    assert.equal(told[2]!.result, text.length - 5);
    assert.equal(new TextDecoder().decode(into.subarray(0, text.length - 5)), 'the kernel writes');
    closeSync(file);
  });

  test('a full ring of submissions makes room by itself', async () => {
    using opened = open({ submissions: 4, completions: 256 });
    const { ring, tag, told } = opened;
    for (let id = 0; id < 200; id++) ring.next(OP_NOP, -1, tag, id, 0);
    await until(() => told.length === 200, 'all completions');
    assert.deepEqual(
      told.map(({ id }) => id),
      Array.from({ length: 200 }, (_, id) => id),
    );
  });

  test('more completions than the ring has room for: none is lost, and it is known that it happened', async () => {
    using another = open();
    using opened = open({ submissions: 64, completions: 64 });
    const { ring, tag, told } = opened;
    const file = openSync(process.execPath, 'r');
    const bytes = new Uint8Array(1000);
    for (let id = 0; id < 1000; id++) {
      const base = ring.next(OP_READ, file, tag, id, 5);
      name(ring, base, bytes.subarray(id, id + 1));
    }
    await until(() => told.length === 1000, 'all completions');
    assert.ok(ring.overflows > 0, 'the ring was never full');
    assert.deepEqual(
      told.map(({ id }) => id).sort((a, b) => a - b),
      [...Array(1000).keys()],
    );
    assert.ok(told.every(({ result, generation }) => result === 1 && generation === 5));
    closeSync(file);
    assert.equal(another.told.length, 0, 'rings have nothing to do with each other');
  });

  test('what waits can be cancelled, and tells so', async () => {
    using opened = open();
    const { ring, tag, told } = opened;
    using silent = silence();
    ring.sqes[ring.next(OP_POLL_ADD, silent.fifo, tag, 1, 9) + Q_OP_FLAGS] = 1;
    ring.submit();
    const base = ring.next(OP_ASYNC_CANCEL, -1, tag, 2, 0);
    ring.sqes[base + Q_ADDRESS] = ring.sqes[base + Q_USER]! - 1; // the same user's id 1
    ring.sqes[base + Q_ADDRESS_HIGH] = 9;
    assert.equal(ring.sqes[base + Q_USER_HIGH], 0);
    await until(() => told.length === 2, 'both');
    assert.deepEqual(
      told.map(({ id, result }) => [id, result]).sort((a, b) => a[0]! - b[0]!),
      [
        [1, -125],
        [2, 0],
      ],
    );
  });

  test('waits on the spot for what must not be put off', async () => {
    using opened = open();
    const { ring, tag, told } = opened;
    ring.next(OP_NOP, -1, tag, 1, 1);
    ring.next(OP_NOP, -1, tag, 2, 2);
    ring.wait();
    assert.deepEqual(ring.take(tag, 2, 2), { result: 0, flags: 0 });
    assert.equal(ring.take(tag, 2, 2), null);
    assert.equal(told.length, 0);
    await until(() => told.length === 1, 'the other one');
    assert.equal(told[0]!.id, 1);
  });

  test('a closed ring has let go of all memory', async () => {
    const opened = open();
    const { ring, tag, told } = opened;
    using silent = silence();
    const into = new Uint8Array(16);
    name(ring, ring.next(OP_READ, silent.fifo, tag, 1, 0), into);
    ring.submit();
    opened[Symbol.dispose]();
    writeSync(silent.fifo, 'too late');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([...into], Array(16).fill(0));
    assert.equal(told.length, 0);
  });

  test('every thread can have one, and a thread that is ended gives it back', async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      Promise.all([import('#dist/poll/drivers/uring/ring.js'), import('#dist/poll/drivers/epoll/native.js')]).then(
        ([{ Ring }, { loadNative }]) => {
          const ring = Ring.open(loadNative(), { submissions: 8, completions: 16 });
          const tag = ring.join({ completed: (id) => parentPort.postMessage(id) });
          ring.hold();
          for (let id = 1; id <= 3; id++) ring.next(0, -1, tag, id, 0);
        });`;
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(source, { eval: true });
      const told: number[] = [];
      await new Promise<void>((resolve, reject) => {
        worker.on('error', reject);
        worker.on('message', (id: number) => told.push(id) === 3 && resolve());
      });
      assert.deepEqual(told, [1, 2, 3]);
      assert.equal(await worker.terminate(), 1);
    }
  });
});
