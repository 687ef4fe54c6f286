import fs from 'node:fs';
import {
  checkBytes,
  checkCount,
  checkInteger,
  checkReader,
  checkWriter,
  hasMethod,
} from '../io/arguments.ts';
import { copyLoop, copyMore } from '../io/copy.ts';
import {
  ArgumentTypeError,
  type Closer,
  LimitedReader,
  type Reader,
  type ReaderAt,
  type ReaderFrom,
  type Seeker,
  type Whence,
  type Writer,
  type WriterAt,
  type WriterTo,
} from '../io/index.ts';
import { resolvedCount } from '../io/resolved.ts';
import { seekTarget } from '../io/seek.ts';
import { findNative } from '../poll/drivers/epoll/native.ts';
import { EAGAIN, ESPIPE, errnoMessage, errnoName } from '../poll/errno.ts';
import { type FD, type FileSource, sendTo } from '../poll/index.ts';
import type { BatchWrite } from './batch-write.ts';
import { readWholeCached } from './cached-read.ts';
import { COPY_BUFFER, copyInKernel, copyToConnection } from './copying.ts';
import { PathError } from './errors.ts';
import { FileInfo } from './file-info.ts';
import { fileLane, type Lane, threadLane } from './lanes.ts';
import { OpenFile } from './open-file.ts';
import { checkMode } from './open-flags.ts';
import { copyFromPipe, pipeBehind } from './pipe-copy.ts';
import { readFrom, readNext } from './reading.ts';
import type { FileCallOptions } from './waiting.ts';
import { type Durability, writeFrom, writeNext } from './writing.ts';

/**
 * An open file. Its operations run on a bounded number of Node's threads or through a ring (`configureFiles`), but for
 * reads of what the kernel has in memory; the event loop never waits for a disk.
 * Made by `open`. Go: `os.File`.
 *
 * Any number of goroutines may use one at once. `read`, `write` and `seek` share the position, one after the other,
 * in the order of their calls; whole writes never interleave. `readAt` and `writeAt` do not wait for each other.
 * The position is this object's own: a child process that inherits the descriptor has another one.
 *
 * The caller's array may be in use by a thread until the promise settles: leave it alone, and do not transfer it.
 *
 * Errors are PathErrors. After `close` every call rejects with ClosedError.
 *
 * @example
 * ```ts
 * import { readAll } from 'gopark/io';
 * import { open } from 'gopark/os';
 *
 * await using file = await open('package.json');
 * console.log((await readAll(file)).length, (await file.stat()).size);
 * ```
 */
export class File
  implements Reader, Writer, ReaderAt, WriterAt, Seeker, Closer, ReaderFrom, WriterTo, AsyncDisposable
{
  /** The path as it was given to `open`. */
  readonly path: string;
  /** The number of the descriptor. It is the file's: closed with it, and then perhaps another file's. */
  readonly fd: number;
  /** @internal Opened to append. */
  readonly appends: boolean;
  readonly #file: OpenFile;

  /** @internal */
  constructor(path: string, fd: number, flags: number, inherited = false, opener: Lane = threadLane) {
    this.#file = new OpenFile(path, fd, flags, inherited, opener);
    this.path = path;
    this.fd = fd;
    this.appends = this.#file.appends;
  }

  // Reading

  /**
   * Reads from the position on and moves it, as Reader says: `null` at the end of the file, and again a count when
   * the file has grown since. With a signal the bytes go through memory of the pool's, so that the call can end
   * while a thread hangs; the position then stays where it was.
   */
  read(p: Uint8Array, options?: FileCallOptions): Promise<number | null> {
    const failed = this.#refuse('read', p, 0);
    if (failed !== null) return failed;
    if (p.length === 0) return resolvedCount(0);
    return readNext(this.#file, p, options?.signal);
  }

  /** Reads at `offset`, as ReaderAt says. Neither uses nor moves the position. */
  readAt(p: Uint8Array, offset: number, options?: FileCallOptions): Promise<number | null> {
    const failed = this.#refuse('readAt', p, offset);
    if (failed !== null) return failed;
    if (p.length === 0) return resolvedCount(0);
    return readFrom(this.#file, p, offset, options?.signal);
  }

  /**
   * Writes all that is left of the file to `w`, from the position on, and resolves how many bytes: what `copy` uses.
   * To a connection inside the kernel as far as that goes, also out of a pipe. Rejects with CopyError.
   */
  writeTo(w: Writer): Promise<number> {
    try {
      checkWriter(w, 'w');
      if (w instanceof File) return w.#copyFrom(this, null);
      // Not the file itself, so that nobody's fast path leads back here.
      const reader: Reader & FileSource = {
        read: (p) => this.read(p),
        [sendTo]: (...args) => this[sendTo](...args),
      };
      if (hasMethod(w, 'readFrom')) return (w as unknown as ReaderFrom).readFrom(reader);
      return copyLoop(w, reader, new Uint8Array(COPY_BUFFER));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @internal To a connection: inside the kernel as far as that goes. */
  [sendTo](w: Writer, fd: FD, limited: LimitedReader | null): Promise<number> {
    return copyToConnection(this.#file, { read: (p) => this.read(p) }, w, fd, limited);
  }

  // Writing

  /**
   * Writes all of `p` at the position and moves it; of a file opened to append, at its end. As Writer says: rejects
   * with `bytesWritten` when the kernel took less. Taken by the kernel is not on the disk: see `sync`.
   */
  write(p: Uint8Array, options?: FileCallOptions): Promise<number> {
    const failed = this.#refuse('write', p, 0);
    if (failed !== null) return failed;
    return writeNext(this.#file, [p], p.length, options?.signal);
  }

  /** Writes several arrays, one behind the other, in as few system calls as it takes. Otherwise like `write`. */
  writev(buffers: readonly Uint8Array[], options?: FileCallOptions): Promise<number> {
    let length = 0;
    try {
      if (!Array.isArray(buffers)) throw new ArgumentTypeError('buffers', 'an array of Uint8Arrays', buffers);
      for (const p of buffers as readonly Uint8Array[]) {
        checkBytes(p, 'buffers');
        length += p.length;
      }
      this.#file.mustBeOpen('write');
    } catch (error) {
      return Promise.reject(error);
    }
    return writeNext(this.#file, buffers, length, options?.signal);
  }

  /**
   * `writev`, then `datasync`, as one operation where the engine can. A failure of the latter says so by its `op`.
   * @internal
   */
  async writeDurably(buffers: readonly Uint8Array[]): Promise<void> {
    this.#file.mustBeOpen('write');
    const durability: Durability = { synced: false };
    const length = buffers.reduce((sum, p) => sum + p.length, 0);
    await writeNext(this.#file, buffers, length, undefined, durability);
    if (!durability.synced) await this.datasync();
  }

  /** @internal Begins a batch's write where that needs no promise; false: it is none of these. */
  tryBegin(write: BatchWrite, buffers: readonly Uint8Array[], length: number, syncs: boolean): boolean {
    return write.tryBegin(this.#file, buffers, length, syncs);
  }

  /** Writes all of `p` at `offset`, as WriterAt says. Not on a file opened to append. */
  writeAt(p: Uint8Array, offset: number, options?: FileCallOptions): Promise<number> {
    const failed = this.#refuse('writeAt', p, offset);
    if (failed !== null) return failed;
    if (this.appends) {
      const reason = 'the file was opened to append';
      return Promise.reject(
        new PathError('ERR_APPEND_MODE', reason, this.#file.details('writeAt', { bytesWritten: 0 })),
      );
    }
    return writeFrom(this.#file, 'writeAt', [p], p.length, offset, options?.signal);
  }

  /**
   * Reads `r` to its end and writes all of it: what `copy` uses. From a file, and from a connection into a pipe, inside
   * the kernel as far as that goes. Rejects with CopyError.
   */
  readFrom(r: Reader): Promise<number> {
    try {
      checkReader(r, 'r');
    } catch (error) {
      return Promise.reject(error);
    }
    const limited = r instanceof LimitedReader ? r : null;
    const source = (limited?.source ?? r) as Reader & Partial<FileSource>;
    if (source instanceof File) return this.#copyFrom(source, limited);
    return source[sendTo] === undefined ? copyLoop(this, r) : this.#copyFromConnection(r, source, limited);
  }

  /** Into a pipe: inside the kernel as far as that goes. */
  async #copyFromConnection(
    r: Reader,
    source: Partial<FileSource>,
    limited: LimitedReader | null,
  ): Promise<number> {
    const pipe = await pipeBehind(this.#file, 'write');
    return pipe === null ? copyLoop(this, r) : source[sendTo]!(this, pipe.fd, limited);
  }

  /** File to file: inside the kernel as far as that goes, and some file systems only share the blocks. */
  async #copyFrom(source: File, limited: LimitedReader | null): Promise<number> {
    const limit = limited?.remaining ?? Number.POSITIVE_INFINITY;
    const copied = await copyInKernel(this.#file, source.#file, limit);
    if (limited !== null) limited.remaining -= copied;
    const loop = () =>
      copyLoop(this, limited ?? { read: (p) => source.read(p) }, new Uint8Array(COPY_BUFFER));
    const from = copied === 0 ? await pipeBehind(source.#file, 'read') : null;
    const to = from === null || source === this ? null : await pipeBehind(this.#file, 'write');
    if (from !== null && to !== null) return copyFromPipe(from, to.fd, limited, loop);
    // What the kernel cannot copy, and the end.
    return copyMore(copied, loop());
  }

  // Position, size, durability

  /** Moves the position, as Seeker says. Beyond the end is allowed: a write there leaves a hole. */
  async seek(offset: number, whence: Whence): Promise<number> {
    this.#file.mustBeOpen('seek');
    checkInteger(offset, 'offset');
    if (this.#file.inherited) {
      const reason = 'the position belongs to other processes, too';
      throw new PathError('ERR_UNSUPPORTED', reason, this.#file.details('seek'));
    }
    await this.#file.lock.take('seek', this.path, undefined);
    try {
      await this.#file.lookForStream('seek');
      if (this.#file.stream !== null)
        throw new PathError('ESPIPE', errnoMessage(ESPIPE), this.#file.details('seek'));
      const current = whence === 'current' ? await this.#file.current('seek') : 0;
      const size = whence === 'end' ? await this.#file.size('seek') : 0;
      const target = seekTarget(offset, whence, current, size);
      checkCount(target, 'the new position');
      this.#file.position = target;
      return target;
    } catch (error) {
      throw this.#file.error('seek', error);
    } finally {
      this.#file.lock.give();
    }
  }

  /** What the system says of the file. */
  async stat(): Promise<FileInfo> {
    return new FileInfo(
      this.path,
      await this.#file.simple<fs.Stats>('stat', (engine, done) => engine.stat(this.fd, done)),
    );
  }

  /** Sets the permission bits. */
  async chmod(mode: number): Promise<void> {
    checkMode(mode);
    return this.#file.simple<void>(
      'chmod',
      (_, done) => fs.fchmod(this.fd, mode, done),
      undefined,
      threadLane,
    );
  }

  /** Makes the file `size` bytes long: cut, or filled up with zeros. The position stays. */
  async truncate(size: number): Promise<void> {
    checkCount(size, 'size');
    const lane = fileLane();
    return this.#file.simple<void>(
      'truncate',
      (engine, done) => engine.truncate!(this.fd, size, done),
      undefined,
      lane.engine.truncate === undefined ? threadLane : lane,
    );
  }

  /** Resolves when the disk has everything that was written before: bytes, length, times. Go: `File.Sync`. */
  sync(options?: FileCallOptions): Promise<void> {
    return this.#file.simple<void>('sync', (engine, done) => engine.sync(this.fd, done), options?.signal);
  }

  /** The same for the bytes, and the length where they need it: what a journal wants. */
  datasync(options?: FileCallOptions): Promise<void> {
    return this.#file.simple<void>(
      'datasync',
      (engine, done) => engine.datasync(this.fd, done),
      options?.signal,
    );
  }

  /**
   * Takes the file's lock, for as long as it is open: false when another open file has it, here or in another
   * process. The end of the process gives it back, however it ends. Only who asks is kept out.
   *
   * @throws PathError; `ERR_UNSUPPORTED` where gopark's native part does not run.
   */
  tryLock(): boolean {
    this.#file.mustBeOpen('lock');
    const found = findNative();
    if ('why' in found) throw new PathError('ERR_UNSUPPORTED', found.why, this.#file.details('lock'));
    const result = found.native.lock(this.fd);
    if (result === 0) return true;
    if (result === -EAGAIN) return false;
    const details = { ...this.#file.details('lock'), errno: result, syscall: 'flock' };
    throw new PathError(errnoName(-result), errnoMessage(-result), details);
  }

  // Closing

  /**
   * All of it, if it is small and needs no thread.
   * @internal
   */
  readWholeCached(): Uint8Array | null {
    return readWholeCached(this.#file);
  }

  /**
   * Fails new calls and those that wait for their turn or for a thread with ClosedError. What a thread has begun is
   * finished; then the descriptor is closed, and the promise resolves. A second call rejects with ClosedError.
   */
  close(): Promise<void> {
    return this.#file.close();
  }

  get closed(): boolean {
    return this.#file.closed;
  }

  /** `close` for `await using`: a file that is closed already is fine. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.dispose();
  }

  #refuse(op: string, p: Uint8Array, offset: number): Promise<never> | null {
    try {
      checkBytes(p);
      checkCount(offset, 'offset');
      checkCount(offset + p.length, 'the end of the range');
      this.#file.mustBeOpen(op);
      return null;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
