import fs from 'node:fs';
import { findNative, type Native } from '../poll/drivers/epoll/native.ts';
import { ECANCELED } from '../poll/errno.ts';
import type { BatchEnded, FileEngine } from './file-engine.ts';

/** Node's threads: each operation holds one until it is done. */
export const threadEngine: FileEngine = {
  name: 'threads',
  largestPiece: 4 << 20,
  suits: () => true,
  open: (path, flags, mode, done) => fs.open(path, flags, mode, done),
  close: (fd, done) => fs.close(fd, done),
  read: (fd, p, from, length, position, done) => fs.read(fd, p, from, length, position, done),
  write: (fd, buffers, position, done) => {
    if (buffers.length === 1) fs.write(fd, buffers[0]!, 0, buffers[0]!.length, position, done);
    else fs.writev(fd, buffers, position, done);
  },
  sync: (fd, done) => fs.fsync(fd, done),
  datasync: (fd, done) => fs.fdatasync(fd, done),
  truncate: (fd, size, done) => fs.ftruncate(fd, size, done),
  stat: (fd, done) => fs.fstat(fd, done),
  statPath: (path, done) => fs.stat(path, done),
  get writeBatch() {
    carriers ??= findCarriers();
    return carriers.writeBatch;
  },
};

/** Found when they are first asked for: who only imports this loads nothing. */
let carriers: Pick<FileEngine, 'writeBatch'> | null = null;

/** Where the native part runs: one way to a thread and back, which costs more than the disk, instead of two. */
function findCarriers(): Pick<FileEngine, 'writeBatch'> {
  const found = findNative();
  if ('why' in found) return {};
  const { native } = found;
  const [all, idle]: [Carrier[], Carrier[]] = [[], []];
  const start = (): Carrier | null => {
    const carrier = new Carrier(native, idle);
    if (!carrier.runs) return null;
    // `process.exit` ends threads in the middle of a write: what has begun ends before that.
    if (all.push(carrier) === 1) {
      process.on('exit', () => {
        for (const carrier of all) carrier.await();
      });
    }
    return carrier;
  };
  return {
    writeBatch: (fd, buffers, position, syncs, ended) => {
      const carrier = idle.pop() ?? start();
      if (carrier !== null) carrier.carry(fd, buffers, position, syncs, ended);
      else writeThenSync(fd, buffers, position, syncs, ended);
    },
  };
}

/** Where there is no thread or no descriptor left for a carrier: Node's threads, twice. The next batch looks again. */
function writeThenSync(
  fd: number,
  buffers: readonly Uint8Array[],
  position: number | null,
  syncs: boolean,
  ended: BatchEnded,
): void {
  const length = buffers.reduce((sum, p) => sum + p.length, 0);
  threadEngine.write(fd, buffers, position, (error, count) => {
    if (error) ended(negatedErrno(error), -ECANCELED);
    else if (!syncs || count! < length) ended(count!, -ECANCELED);
    else threadEngine.datasync(fd, (error) => ended(count!, error ? negatedErrno(error) : 0));
  });
}

/** Of an error of Node's. */
function negatedErrno(error: unknown): number {
  return (error as NodeJS.ErrnoException).errno!;
}

/** A thread for batches, and what one needs on its way there: made once, used again and again. */
class Carrier {
  readonly #native: Native;
  readonly #idle: Carrier[];
  readonly #handle: unknown;
  /** Filled in by the native part: what `BatchEnded` is told. */
  readonly #outcome = new Float64Array(2);
  /** What a thread reads: here, so that the garbage collector sees it in use. */
  buffers: readonly Uint8Array[] | null = null;
  #ended: BatchEnded | null = null;

  constructor(native: Native, idle: Carrier[]) {
    this.#native = native;
    this.#idle = idle;
    this.#handle = native.carrier(this.#outcome.buffer, () => {
      const [written, synced] = this.#outcome;
      this.#returned()(written!, synced!);
    });
  }

  /** Whether there was a thread to be had. */
  get runs(): boolean {
    return this.#handle !== undefined;
  }

  /** Blocks until it carries nothing any more. */
  await(): void {
    this.#native.awaitCarried(this.#handle);
  }

  carry(
    fd: number,
    buffers: readonly Uint8Array[],
    position: number | null,
    syncs: boolean,
    ended: BatchEnded,
  ): void {
    this.buffers = buffers;
    this.#ended = ended;
    const begun = this.#native.carry(this.#handle, fd, buffers, position ?? -1, syncs);
    if (begun < 0) setImmediate(this.#returned(), begun, -ECANCELED);
  }

  #returned(): BatchEnded {
    const ended = this.#ended!;
    this.buffers = null;
    this.#ended = null;
    this.#idle.push(this);
    return ended;
  }
}
