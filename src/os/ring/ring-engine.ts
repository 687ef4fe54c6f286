import type fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Native } from '../../poll/drivers/epoll/native.ts';
import {
  FSYNC_DATASYNC,
  OP_CLOSE,
  OP_FSYNC,
  OP_OPENAT,
  OP_READ,
  OP_STATX,
  OP_WRITE,
  Q_ADDRESS,
  Q_ADDRESS_HIGH,
  Q_LENGTH,
  Q_OFFSET,
  Q_OFFSET_HIGH,
  Q_OP_FLAGS,
  SQE_ASYNC,
  SQE_CQE_SKIP_SUCCESS,
  SQE_IO_LINK,
} from '../../poll/drivers/uring/abi.ts';
import { highWord, type Ring, type RingUser } from '../../poll/drivers/uring/ring.ts';
import { ECANCELED, EINPROGRESS, EINTR } from '../../poll/errno.ts';
import { beginSlice } from '../../runtime/budget.ts';
import { isForLater } from '../durable-write.ts';
import type { BatchEnded, Done, FileEngine } from '../file-engine.ts';
import { systemError } from '../system-error.ts';
import { threadEngine } from '../thread-engine.ts';
import type { OwnDescriptors } from './own-descriptors.ts';
import { STATX_MASK, statsFrom } from './statx.ts';

/** Since kernel 6.9. */
const OP_FTRUNCATE = 55;
const NEEDED: readonly (readonly [op: number, name: string])[] = [
  [OP_OPENAT, 'openat'],
  [OP_CLOSE, 'close'],
  [OP_READ, 'read'],
  [OP_WRITE, 'write'],
  [OP_FSYNC, 'fsync'],
  [OP_STATX, 'statx'],
];

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const O_CLOEXEC = 0o2000000;
const FLAGS_SHIFT = 8;

/** The most operations in flight: deep enough for a disk that does many things at once. */
export const MOST_IN_FLIGHT = 64;
/** What one read or write moves. Pages of a block that were never needed take no memory. */
const BLOCK = 128 * 1024;
/** Where the answer of a statx lies in the block, behind its path. */
const ANSWER = 8192;
const LONGEST_PATH = 4095;

type Finish = (result: number) => void;

/**
 * Files as submissions to a ring: nobody holds a thread of Node's. What the kernel can do at once it does when it is
 * entered, for all operations of a turn together; what has to wait for a disk mostly waits without a thread; and what
 * blocks (syncs, on most file systems writes) is done by a few threads of the kernel's.
 *
 * Each operation has a block of memory of its own for as long as it is in flight: bytes, a path, the kernel's answer.
 * So the kernel never touches a caller's memory, which may be transferred to another thread, or collected, at any
 * time: nothing in JavaScript could hold it where it is. The copy costs less than a tenth of the rest.
 */
export class RingEngine implements FileEngine, RingUser {
  readonly name = 'uring';
  readonly largestPiece = BLOCK;
  readonly truncate?: (fd: number, size: number, done: Done<void>) => void;
  readonly #ring: Ring;
  readonly #native: Native;
  readonly #own: OwnDescriptors;
  readonly #tag: number;
  readonly #memory = new Uint8Array(MOST_IN_FLIGHT * BLOCK);
  readonly #view = new DataView(this.#memory.buffer);
  readonly #address: number;
  readonly #encoder = new TextEncoder();
  /** What is in flight, by slot; behind these, by slot again, the second halves of linked pairs. */
  readonly #finish: (Finish | null)[] = new Array<Finish | null>(2 * MOST_IN_FLIGHT).fill(null);
  /** The one that was used last comes first: its memory is still in the processor's. */
  readonly #free = Array.from({ length: MOST_IN_FLIGHT }, (_, i) => MOST_IN_FLIGHT - 1 - i);

  constructor(ring: Ring, native: Native, own: OwnDescriptors) {
    this.#ring = ring;
    this.#native = native;
    this.#own = own;
    this.#tag = ring.join(this);
    this.#address = ring.addressOf(this.#memory);
    if (ring.supports(OP_FTRUNCATE)) {
      this.truncate = (fd, size, done) => {
        const fill = (at: number) => this.#offset(at, size);
        this.#plain(OP_FTRUNCATE, fd, 'ftruncate', done, fill);
      };
    }
  }

  /** The first operation that this ring lacks; null: it has all. */
  static lacks(ring: Ring): string | null {
    return NEEDED.find(([op]) => !ring.supports(op))?.[1] ?? null;
  }

  // RingUser

  /** The goroutines that are resumed now have a slice of their own. */
  batch(): void {
    beginSlice();
  }

  completed(id: number, _generation: number, result: number): void {
    const finish = this.#finish[id]!;
    this.#finish[id] = null;
    finish(result);
  }

  // FileEngine

  suits(fd: number): boolean {
    return this.#native.makePatient(fd) === 1;
  }

  open(path: string | URL, flags: number, mode: number, done: Done<number>): void {
    const slot = this.#take();
    if (!this.#putPath(slot, path)) {
      this.#giveBack(slot);
      // Node has the words for what is wrong with it.
      threadEngine.open(path, flags, mode, done);
      return;
    }
    const fill = (at: number) => {
      this.#point(at, slot, 0, mode);
      this.#ring.sqes[at + Q_OP_FLAGS] = flags | O_CLOEXEC;
    };
    this.#begin(slot, OP_OPENAT, AT_FDCWD, fill, (result) => {
      this.#giveBack(slot);
      if (result >= 0) this.#own.add(result);
      if (result < 0) done(systemError('open', -result, path));
      else done(null, result);
    });
  }

  close(fd: number, done: Done<void>): void {
    this.#own.delete(fd);
    const slot = this.#take();
    this.#begin(slot, OP_CLOSE, fd, nothing, (result) => {
      this.#giveBack(slot);
      // Closed it is, in these cases, too.
      if (result >= 0 || result === -EINTR || result === -EINPROGRESS) done(null);
      else done(systemError('close', -result));
    });
  }

  read(
    fd: number,
    p: Uint8Array,
    from: number,
    length: number,
    position: number | null,
    done: Done<number>,
  ): void {
    const slot = this.#take();
    const fill = (at: number) => {
      this.#point(at, slot, 0, length);
      this.#offset(at, position);
    };
    this.#begin(slot, OP_READ, fd, fill, (result) => {
      if (result > 0 && from + result <= p.length) {
        const start = slot * BLOCK;
        p.set(this.#memory.subarray(start, start + result), from);
      }
      this.#giveBack(slot);
      if (result < 0) done(systemError('read', -result));
      else done(null, result);
    });
  }

  write(fd: number, buffers: readonly Uint8Array[], position: number | null, done: Done<number>): void {
    const slot = this.#take();
    const length = this.#putBytes(slot, buffers);
    const fill = (at: number) => {
      this.#point(at, slot, 0, length);
      this.#offset(at, position);
    };
    this.#begin(slot, OP_WRITE, fd, fill, (result) => {
      this.#giveBack(slot);
      if (result < 0) done(systemError('write', -result));
      else done(null, result);
    });
  }

  writeBatch(
    fd: number,
    buffers: readonly Uint8Array[],
    position: number | null,
    syncs: boolean,
    ended: BatchEnded,
  ): void {
    const slot = this.#take();
    const length = this.#putBytes(slot, buffers);
    const fill = (at: number) => {
      this.#point(at, slot, 0, length);
      this.#offset(at, position);
    };
    if (syncs) {
      this.#beginLinked(slot, fd, fill, (written, synced) => ended(written ?? length, synced));
    } else {
      this.#begin(slot, OP_WRITE, fd, fill, (written) => {
        this.#giveBack(slot);
        ended(written, -ECANCELED);
      });
    }
  }

  /** Two submissions, linked: the second one begins when the first one has written all. After less it is cancelled. */
  #beginLinked(
    slot: number,
    fd: number,
    fill: (at: number) => void,
    ended: (written: number | null, synced: number) => void,
  ): void {
    const finish = (written: number | null, synced: number) => {
      this.#finish[slot] = null;
      this.#finish[MOST_IN_FLIGHT + slot] = null;
      this.#giveBack(slot);
      ended(written, synced);
    };
    // Told is one of the two: of the write that was not all of it, or of the sync behind one that was.
    this.#finish[slot] = (written) => finish(written, -ECANCELED);
    this.#finish[MOST_IN_FLIGHT + slot] = (synced) => finish(null, synced);
    const ring = this.#ring;
    ring.room(2);
    const linked = OP_WRITE | ((SQE_IO_LINK | SQE_CQE_SKIP_SUCCESS) << FLAGS_SHIFT);
    fill(ring.next(linked, fd, this.#tag, slot, 0));
    const sync = ring.next(OP_FSYNC, fd, this.#tag, MOST_IN_FLIGHT + slot, 0);
    ring.sqes[sync + Q_OP_FLAGS] = FSYNC_DATASYNC;
  }

  sync(fd: number, done: Done<void>): void {
    this.#plain(OP_FSYNC, fd, 'fsync', done, nothing);
  }

  datasync(fd: number, done: Done<void>): void {
    const fill = (at: number) => {
      this.#ring.sqes[at + Q_OP_FLAGS] = FSYNC_DATASYNC;
    };
    this.#plain(OP_FSYNC, fd, 'fdatasync', done, fill);
  }

  stat(fd: number, done: Done<fs.Stats>): void {
    const slot = this.#take();
    this.#memory[slot * BLOCK] = 0;
    this.#statx(slot, fd, AT_EMPTY_PATH, (errno) => systemError('fstat', errno), done);
  }

  statPath(path: string | URL, done: Done<fs.Stats>): void {
    const slot = this.#take();
    if (this.#putPath(slot, path)) {
      this.#statx(slot, AT_FDCWD, 0, (errno) => systemError('stat', errno, path), done);
    } else {
      this.#giveBack(slot);
      threadEngine.statPath(path, done);
    }
  }

  #statx(
    slot: number,
    fd: number,
    flags: number,
    errorFor: (errno: number) => Error,
    done: Done<fs.Stats>,
  ): void {
    const fill = (at: number) => {
      this.#point(at, slot, 0, STATX_MASK);
      this.#offset(at, this.#address + slot * BLOCK + ANSWER);
      this.#ring.sqes[at + Q_OP_FLAGS] = flags;
    };
    this.#begin(slot, OP_STATX, fd, fill, (result) => {
      const stats = result < 0 ? null : statsFrom(this.#view, slot * BLOCK + ANSWER);
      this.#giveBack(slot);
      if (stats === null) done(errorFor(-result));
      else done(null, stats);
    });
  }

  /** An operation of which only success is told, and no memory is needed. */
  #plain(op: number, fd: number, syscall: string, done: Done<void>, fill: (at: number) => void): void {
    const slot = this.#take();
    this.#begin(slot, op, fd, fill, (result) => {
      this.#giveBack(slot);
      if (result < 0) done(systemError(syscall, -result));
      else done(null);
    });
  }

  // Submissions

  #begin(slot: number, op: number, fd: number, fill: (at: number) => void, finish: Finish): void {
    this.#finish[slot] = (result) => {
      if (!isForLater(result) || op === OP_CLOSE) {
        finish(result);
        return;
      }
      // A signal came, or the file system cannot say that it would have to wait: once more, by a thread that may.
      this.#finish[slot] = finish;
      fill(this.#ring.next(op | (SQE_ASYNC << FLAGS_SHIFT), fd, this.#tag, slot, 0));
    };
    fill(this.#ring.next(op, fd, this.#tag, slot, 0));
  }

  /** The memory of a slot, from `offset` on. */
  #point(at: number, slot: number, offset: number, length: number): void {
    const { sqes } = this.#ring;
    const address = this.#address + slot * BLOCK + offset;
    sqes[at + Q_ADDRESS] = address | 0;
    sqes[at + Q_ADDRESS_HIGH] = highWord(address);
    sqes[at + Q_LENGTH] = length;
  }

  #offset(at: number, offset: number | null): void {
    const { sqes } = this.#ring;
    sqes[at + Q_OFFSET] = offset === null ? -1 : offset | 0;
    sqes[at + Q_OFFSET_HIGH] = offset === null ? -1 : highWord(offset);
  }

  // Memory

  #take(): number {
    if (this.#free.length === MOST_IN_FLIGHT) this.#ring.hold();
    const slot = this.#free.pop();
    if (slot === undefined) throw new Error(`more than ${MOST_IN_FLIGHT} operations on the ring`);
    return slot;
  }

  #giveBack(slot: number): void {
    this.#free.push(slot);
    if (this.#free.length === MOST_IN_FLIGHT) this.#ring.release();
  }

  #putBytes(slot: number, buffers: readonly Uint8Array[]): number {
    const start = slot * BLOCK;
    let end = start;
    for (const p of buffers) {
      this.#memory.set(p, end);
      end += p.length;
    }
    return end - start;
  }

  /** False: it is no path, or none that the kernel takes. */
  #putPath(slot: number, path: string | URL): boolean {
    const text = path instanceof URL ? fileURLToPath(path) : path;
    if (typeof text !== 'string' || text.includes('\0')) return false;
    const start = slot * BLOCK;
    const { read, written } = this.#encoder.encodeInto(
      text,
      this.#memory.subarray(start, start + LONGEST_PATH),
    );
    this.#memory[start + written] = 0;
    return read === text.length;
  }
}

function nothing(): void {}

/** What became of a linked pair. Where one half was only interrupted, its caller asks for it once more. */
