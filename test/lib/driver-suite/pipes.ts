import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { constants as system, tmpdir } from 'node:os';
import { join } from 'node:path';
import { OP_RECV } from '#dist/poll/driver.js';
import { pattern, sameBytes, text, untext } from '../bytes.ts';
import { streamBytes } from '../stream.ts';
import { turns } from '../waiting.ts';
import type { Rig } from './rig.ts';
import type { Rows } from './subject.ts';

const { EAGAIN, EBADF, EINVAL, EPIPE } = system.errno;
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/** A FIFO: a descriptor of each of its ends, as many as are asked for, all non-blocking. */
class Fifo {
  readonly #directory = mkdtempSync(join(tmpdir(), 'gopark-pipe-'));
  readonly path = join(this.#directory, 'fifo');
  readonly #descriptors = new Set<number>();

  constructor() {
    assert.equal(spawnSync('mkfifo', [this.path]).status, 0);
  }

  open(access: number): number {
    const descriptor = openSync(this.path, access | O_NONBLOCK);
    this.#descriptors.add(descriptor);
    return descriptor;
  }

  close(descriptor: number): void {
    this.#descriptors.delete(descriptor);
    closeSync(descriptor);
  }

  end(): void {
    for (const descriptor of this.#descriptors) this.close(descriptor);
    rmSync(this.#directory, { recursive: true });
  }
}

/** Sends all of it, as far as the pipe has room, and waits for more where it has none. */
async function sendAll(rig: Rig, slot: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const sent = rig.driver.trySend(slot, bytes, at, bytes.length);
    if (sent > 0) at += sent;
    else {
      assert.equal(sent, -EAGAIN);
      assert.equal((await rig.writable(slot)).result, 0);
    }
  }
}

/** `borrowPipe`: what is between two processes and no socket. */
export const pipes: Rows = (row) => {
  const withFifo = (title: string, check: (rig: Rig, fifo: Fifo) => Promise<void>) =>
    row(`pipes: ${title}`, ['pipes', 'sockets'], async (rig) => {
      const fifo = new Fifo();
      try {
        await check(rig, fifo);
        // Slots before their descriptors.
        await Promise.all([...rig.open.keys()].map((slot) => rig.close(slot)));
      } finally {
        fifo.end();
      }
    });
  const borrow = (rig: Rig, descriptor: number) => {
    const slot = rig.opened(rig.driver.borrowPipe!(descriptor));
    assert.ok(slot >= 0, `borrowPipe: ${slot}`);
    return slot;
  };

  withFifo('all bytes in order, a full one tells of room, and then the end', async (rig, fifo) => {
    const from = borrow(rig, fifo.open(O_RDONLY));
    const descriptor = fifo.open(O_WRONLY);
    const to = borrow(rig, descriptor);
    const total = 1_000_000;
    const received = rig.receive(from, total);
    await sendAll(rig, to, streamBytes(11, 0, total));
    sameBytes(await received, streamBytes(11, 0, total));
    await rig.close(to);
    assert.equal(rig.arrived(OP_RECV, from), 0);
    const end = rig.recv(from);
    // The slot has gone, the writer has not: the descriptor is ours.
    writeSync(descriptor, 'more');
    assert.equal(untext((await end).bytes), 'more');
    const over = rig.recv(from);
    fifo.close(descriptor);
    assert.equal((await over).result, 0);
    assert.equal(rig.driver.peek(from), 0);
    assert.equal((await rig.recv(from)).result, 0, 'again and again');
  });

  withFifo('a reader without a writer waits, and is not told of an end', async (rig, fifo) => {
    const from = borrow(rig, fifo.open(O_RDONLY));
    rig.driver.recv(from, 100);
    await turns(5);
    assert.equal(rig.arrived(OP_RECV, from), 0);
    const descriptor = fifo.open(O_WRONLY);
    await turns(2);
    assert.equal(rig.arrived(OP_RECV, from), 0);
    writeSync(descriptor, 'first');
    const { bytes } = await rig.next(OP_RECV, from);
    assert.equal(untext(bytes), 'first');
  });

  withFifo('a cancelled receive takes nothing', async (rig, fifo) => {
    const from = borrow(rig, fifo.open(O_RDONLY));
    const descriptor = fifo.open(O_WRONLY);
    rig.driver.recv(from, 100);
    rig.driver.cancel(from, OP_RECV);
    assert.ok((await rig.next(OP_RECV, from)).result < 0);
    writeSync(descriptor, 'later');
    await turns(3);
    assert.equal(untext((await rig.recv(from)).bytes), 'later');
  });

  withFifo('without a reader: EPIPE, and no signal', async (rig, fifo) => {
    const reader = fifo.open(O_RDONLY);
    const to = borrow(rig, fifo.open(O_WRONLY));
    await sendAll(rig, to, text('read by nobody'));
    fifo.close(reader);
    assert.equal(rig.driver.trySend(to, text('x'), 0, 1), -EPIPE);
    assert.equal((await rig.writable(to)).result, 0, 'what waits for room is woken');
  });

  withFifo(
    'close ends what is in flight, and leaves descriptor and bytes to their owner',
    async (rig, fifo) => {
      const descriptor = fifo.open(O_RDONLY);
      const writer = fifo.open(O_WRONLY);
      const from = borrow(rig, descriptor);
      rig.driver.recv(from, 100);
      const cancelled = rig.next(OP_RECV, from);
      const closing = rig.close(from);
      assert.ok((await cancelled).result < 0);
      assert.equal((await closing).result, 0);
      assert.ok(fstatSync(descriptor).isFIFO());
      writeSync(writer, 'still there');
      const p = new Uint8Array(20);
      assert.equal(readSync(descriptor, p), 11);
      const again = borrow(rig, descriptor);
      writeSync(writer, 'again');
      assert.equal(untext((await rig.recv(again)).bytes), 'again');
    },
  );

  withFifo('a row of borrowed ones: each has its own bytes', async (rig, fifo) => {
    const from = fifo.open(O_RDONLY);
    const writer = fifo.open(O_WRONLY);
    for (let i = 0; i < 50; i++) {
      const slot = borrow(rig, from);
      const bytes = pattern(10 + i, i);
      writeSync(writer, bytes);
      sameBytes(await rig.receive(slot, bytes.length), bytes);
      await rig.close(slot);
    }
  });

  withFifo('what is no pipe, what would block, what is closed', async (rig, fifo) => {
    const blocking = openSync(fifo.path, constants.O_RDWR);
    const file = openSync(process.execPath, O_RDONLY | O_NONBLOCK);
    for (const descriptor of [blocking, file]) {
      assert.equal(rig.driver.borrowPipe!(descriptor), -EINVAL);
      closeSync(descriptor);
    }
    assert.equal(rig.driver.borrowPipe!(blocking), -EBADF);
  });
};
