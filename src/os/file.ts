import fs, { constants } from 'node:fs';
import { isatty } from 'node:tty';
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
  CopyError,
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
import { park } from '../runtime/park.ts';
import { copyRange, type Side } from './copy-range.ts';
import { DescriptorStream, reopen } from './descriptor-stream.ts';
import { aborted, ClosedError, type PathDetails, PathError, pathError } from './errors.ts';
import { FileInfo } from './file-info.ts';
import { Lock } from './lock.ts';
import { checkMode } from './open-flags.ts';
import { filePool, type PoolOptions, type PoolUser, type Work } from './pool.ts';
import { FileTransfer } from './send-file.ts';
import type { FileCallOptions } from './waiting.ts';

/** The most bytes that one operation holds a thread for. */
const LARGEST_PIECE = 4 << 20;
/** The same where the bytes go through memory of the pool's. */
const LARGEST_BOUNCE = 256 * 1024;
/** A thread is asked for so many bytes at a time by `writeTo`: the way there and back costs as much as 64 KiB. */
const COPY_BUFFER = 128 * 1024;

type Counts = { bytesRead?: number; bytesWritten?: number };

/**
 * An open file. Its operations run on a bounded number of Node's threads, the event loop never waits for a disk.
 * Made by `open`. Go: `os.File`.
 *
 * Any number of goroutines may use one at once. `read`, `write` and `seek` share the position, one after the other,
 * in the order of their calls; whole writes never interleave. `readAt` and `writeAt` do not wait for each other.
 * The position is this object's own: a child process that inherits the descriptor has another one.
 *
 * The caller's array is in use by a thread until the promise settles: leave it alone, and do not transfer it.
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
  /** Where the next read or write is; null: at the end, after an append. */
  #position: number | null = 0;
  readonly #lock = new Lock();
  /** Operations that are with the pool. */
  #users = 0;
  readonly #user: PoolUser = { returned: () => this.#returned() };
  /** On its way to a connection, which may take its time. */
  #transferring: FileTransfer | null = null;
  #closing: { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } | null = null;

  readonly #access: number;
  /** The parent's: the position is shared with other processes, and the descriptor is not ours to close. */
  readonly #inherited: boolean;
  #isKnown = false;
  /** It has no position: a pipe, a FIFO, a terminal, a socket. */
  #stream: DescriptorStream | null = null;
  #streamIsInherited = false;

  /** @internal */
  constructor(path: string, fd: number, flags: number, inherited = false) {
    this.path = path;
    this.fd = fd;
    this.appends = (flags & constants.O_APPEND) !== 0;
    this.#access = flags & (constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR);
    this.#inherited = inherited;
  }

  // Reading

  /**
   * Reads from the position on and moves it, as Reader says: `null` at the end of the file, and again a count when
   * the file has grown since. With a signal the bytes go through memory of the pool's, so that the call can end
   * while a thread hangs; the position then stays where it was.
   */
  read(p: Uint8Array, options?: FileCallOptions): Promise<number | null> {
    const failed = this.#refuse('read', p);
    if (failed !== null) return failed;
    if (p.length === 0) return resolvedCount(0);
    return this.#stream === null ? this.#read(p, options?.signal) : this.#stream.read(p, options?.signal);
  }

  async #read(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    await this.#lock.take('read', this.path, signal);
    let stream: DescriptorStream | null;
    try {
      if (this.#inherited) this.#lookAtInherited('read');
      stream = this.#stream;
      if (stream === null) {
        const position = this.#inherited ? null : await this.#current('read');
        const n = await this.#readPiece('read', p, 0, position, signal);
        this.#position = (position ?? 0) + n;
        return n === 0 ? null : n;
      }
    } catch (error) {
      stream = this.#streamAfter(error);
      if (stream === null) throw this.#error('read', error, {}, signal);
    } finally {
      this.#lock.give();
    }
    return stream.read(p, signal);
  }

  /** A file without a position, as the kernel's answer shows: a pipe, a terminal. */
  #streamAfter(error: unknown): DescriptorStream | null {
    if (!isNoPosition(error) || this.#closing !== null) return null;
    this.#stream ??= new DescriptorStream(this.fd, this.path, this.#access);
    return this.#stream;
  }

  /** What a descriptor of the parent's is, is found out when it is first used. */
  #lookAtInherited(op: string): void {
    if (this.#isKnown) return;
    const { fd, path } = this;
    let stats: fs.Stats;
    try {
      stats = fs.fstatSync(fd);
    } catch (error) {
      throw pathError(error, this.#details(op));
    }
    this.#isKnown = true;
    if (!stats.isFIFO() && !stats.isSocket() && !isatty(fd)) return;
    const own = reopen(fd, this.#access);
    this.#streamIsInherited = own === null;
    this.#stream = new DescriptorStream(own ?? fd, path, this.#access);
  }

  /** Reads at `offset`, as ReaderAt says. Neither uses nor moves the position. */
  readAt(p: Uint8Array, offset: number, options?: FileCallOptions): Promise<number | null> {
    const failed = this.#refuse('readAt', p, offset);
    if (failed !== null) return failed;
    if (p.length === 0) return resolvedCount(0);
    return this.#readAt(p, offset, options?.signal);
  }

  async #readAt(p: Uint8Array, offset: number, signal: AbortSignal | undefined): Promise<number | null> {
    let bytesRead = 0;
    try {
      while (bytesRead < p.length) {
        const n = await this.#readPiece('readAt', p, bytesRead, offset + bytesRead, signal);
        if (n === 0) break;
        bytesRead += n;
      }
    } catch (error) {
      throw this.#error('readAt', error, { bytesRead }, signal);
    }
    return bytesRead === 0 ? null : bytesRead;
  }

  async #readPiece(
    op: string,
    p: Uint8Array,
    from: number,
    position: number | null,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const length = Math.min(p.length - from, signal === undefined ? LARGEST_PIECE : LARGEST_BOUNCE);
    if (signal === undefined) {
      return this.#run<number>(op, (callback) => fs.read(this.fd, p, from, length, position, callback));
    }
    // A thread that hangs may still write to its memory after the caller has left.
    const memory = new Uint8Array(length);
    const work: Work<number> = (callback) => fs.read(this.fd, memory, 0, length, position, callback);
    const n = await this.#run<number>(op, work, { signal, abandonable: true });
    p.set(n === length ? memory : memory.subarray(0, n), from);
    return n;
  }

  /**
   * Writes all that is left of the file to `w`, from the position on, and resolves how many bytes: what `copy` uses.
   * Rejects with CopyError.
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
  async [sendTo](w: Writer, fd: FD, limited: LimitedReader | null): Promise<number> {
    const transfer = new FileTransfer(fd, this.#side('read'), limited);
    if (await this.#transfer(transfer)) return transfer.sent;
    return copyMore(
      transfer.sent,
      copyLoop(w, limited ?? { read: (p) => this.read(p) }, new Uint8Array(COPY_BUFFER)),
    );
  }

  /** Nobody else moves the position meanwhile. */
  async #transfer(transfer: FileTransfer): Promise<boolean> {
    try {
      this.#mustBeOpen('read');
      await this.#lock.take('copy', this.path, undefined);
    } catch (error) {
      throw new CopyError(error, 0, 'read');
    }
    try {
      if (!this.#canCopy || this.#closing !== null) return false;
      this.#transferring = transfer;
      return await transfer.run();
    } finally {
      this.#transferring = null;
      this.#lock.give();
    }
  }

  // Writing

  /**
   * Writes all of `p` at the position and moves it; of a file opened to append, at its end. As Writer says: rejects
   * with `bytesWritten` when the kernel took less. Taken by the kernel is not on the disk: see `sync`.
   */
  write(p: Uint8Array, options?: FileCallOptions): Promise<number> {
    const failed = this.#refuse('write', p);
    if (failed !== null) return failed;
    return this.#inTurn([p], p.length, options?.signal);
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
      this.#mustBeOpen('write');
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#inTurn(buffers, length, options?.signal);
  }

  /** Writes while nobody else uses the position, and moves it by what was written. */
  async #inTurn(
    buffers: readonly Uint8Array[],
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    await this.#lock.take('write', this.path, signal);
    let before: number | null = null;
    try {
      if (this.#inherited) this.#lookAtInherited('write');
      if (this.#stream !== null) return await this.#writeToStream(this.#stream, buffers, 0, signal);
      if (!this.appends && !this.#inherited) before = await this.#current('write');
      const n = await this.#writeAll('write', buffers, length, before, signal);
      if (n > 0) this.#position = before === null ? null : before + n;
      return n;
    } catch (error) {
      const failure = this.#error('write', error, {}, signal);
      const n = (failure as { bytesWritten?: number }).bytesWritten ?? 0;
      const stream = error instanceof PathError && this.#stream !== null ? null : this.#streamAfter(error);
      if (stream !== null) return await this.#writeToStream(stream, withoutFirst(buffers, n), n, signal);
      if (n > 0) this.#position = before === null ? null : before + n;
      throw failure;
    } finally {
      this.#lock.give();
    }
  }

  async #writeToStream(
    stream: DescriptorStream,
    buffers: readonly Uint8Array[],
    before: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const p = buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
    return before + (await stream.write(p, signal));
  }

  /** Writes all of `p` at `offset`, as WriterAt says. Not on a file opened to append. */
  writeAt(p: Uint8Array, offset: number, options?: FileCallOptions): Promise<number> {
    const failed = this.#refuse('writeAt', p, offset);
    if (failed !== null) return failed;
    if (this.appends) {
      const reason = 'the file was opened to append';
      return Promise.reject(
        new PathError('ERR_APPEND_MODE', reason, this.#details('writeAt', { bytesWritten: 0 })),
      );
    }
    return this.#writeAll('writeAt', [p], p.length, offset, options?.signal);
  }

  /** `position` null: where the kernel appends. */
  async #writeAll(
    op: string,
    buffers: readonly Uint8Array[],
    length: number,
    position: number | null,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    let bytesWritten = 0;
    try {
      let rest = buffers;
      while (bytesWritten < length) {
        const piece = firstBytes(rest, LARGEST_PIECE);
        const at = position === null ? null : position + bytesWritten;
        const work: Work<number> =
          piece.length === 1
            ? (callback) => fs.write(this.fd, piece[0]!, 0, piece[0]!.length, at, callback)
            : (callback) => fs.writev(this.fd, piece, at, callback);
        const n = await this.#run<number>(op, work, { signal });
        if (n === 0) throw new PathError('ERR_NO_PROGRESS', 'the kernel takes nothing', this.#details(op));
        bytesWritten += n;
        if (bytesWritten < length) rest = withoutFirst(rest, n);
      }
      return bytesWritten;
    } catch (error) {
      throw this.#error(op, error, { bytesWritten }, signal);
    }
  }

  /** Reads `r` to its end and writes all of it: what `copy` uses. Rejects with CopyError. */
  readFrom(r: Reader): Promise<number> {
    try {
      checkReader(r, 'r');
    } catch (error) {
      return Promise.reject(error);
    }
    if (r instanceof File) return this.#copyFrom(r, null);
    if (r instanceof LimitedReader && r.source instanceof File) return this.#copyFrom(r.source, r);
    return copyLoop(this, r);
  }

  /** File to file: inside the kernel as far as that goes, and some file systems only share the blocks. */
  async #copyFrom(source: File, limited: LimitedReader | null): Promise<number> {
    const copied =
      source === this ? 0 : await this.#copyRangeFrom(source, limited?.remaining ?? Number.POSITIVE_INFINITY);
    if (limited !== null) limited.remaining -= copied;
    // What the kernel cannot copy, and the end.
    return copyMore(
      copied,
      copyLoop(this, limited ?? { read: (p) => source.read(p) }, new Uint8Array(COPY_BUFFER)),
    );
  }

  async #copyRangeFrom(source: File, limit: number): Promise<number> {
    // Whoever copies in the other direction takes the locks in the same order.
    const [first, second] = this.fd < source.fd ? [this, source] : [source, this];
    await first.#lock.take('copy', first.path, undefined);
    try {
      await second.#lock.take('copy', second.path, undefined);
      try {
        if (!this.#canCopy || this.appends || !source.#canCopy) return 0;
        const before = source.#position ?? 0;
        try {
          return await copyRange(this.#side('write'), source.#side('read'), limit);
        } catch (error) {
          throw new CopyError(error, (source.#position ?? 0) - before, 'unknown');
        }
      } finally {
        second.#lock.give();
      }
    } finally {
      first.#lock.give();
    }
  }

  get #canCopy(): boolean {
    return !this.#inherited && this.#stream === null && this.#position !== null;
  }

  #side(op: string): Side {
    const file = this;
    return {
      fd: this.fd,
      path: this.path,
      get position() {
        return file.#position!;
      },
      set position(position) {
        file.#position = position;
      },
      begin: () => {
        this.#mustBeOpen(op);
        this.#users++;
        return this.#user;
      },
    };
  }

  // Position, size, durability

  /** Moves the position, as Seeker says. Beyond the end is allowed: a write there leaves a hole. */
  async seek(offset: number, whence: Whence): Promise<number> {
    this.#mustBeOpen('seek');
    checkInteger(offset, 'offset');
    if (this.#inherited) {
      const reason = 'the position belongs to other processes, too';
      throw new PathError('ERR_UNSUPPORTED', reason, this.#details('seek'));
    }
    await this.#lock.take('seek', this.path, undefined);
    try {
      if (!this.#isKnown) await this.#lookForSeek();
      if (this.#stream !== null) throw new PathError('ESPIPE', errnoMessage(ESPIPE), this.#details('seek'));
      const current = whence === 'current' ? await this.#current('seek') : 0;
      const size = whence === 'end' ? await this.#size('seek') : 0;
      const target = seekTarget(offset, whence, current, size);
      checkCount(target, 'the new position');
      this.#position = target;
      return target;
    } catch (error) {
      throw this.#error('seek', error);
    } finally {
      this.#lock.give();
    }
  }

  /** What has no position must not seem to have one. */
  async #lookForSeek(): Promise<void> {
    const stats = await this.#run<fs.Stats>('seek', (callback) => fs.fstat(this.fd, callback));
    this.#isKnown = true;
    if (stats.isFIFO() || stats.isSocket() || (stats.isCharacterDevice() && isatty(this.fd))) {
      this.#stream ??= new DescriptorStream(this.fd, this.path, this.#access);
    }
  }

  async #current(op: string): Promise<number> {
    return this.#position ?? this.#size(op);
  }

  async #size(op: string): Promise<number> {
    return (await this.#run<fs.Stats>(op, (callback) => fs.fstat(this.fd, callback))).size;
  }

  /** What the system says of the file. */
  async stat(): Promise<FileInfo> {
    return new FileInfo(
      this.path,
      await this.#simple<fs.Stats>('stat', (callback) => fs.fstat(this.fd, callback)),
    );
  }

  /** Sets the permission bits. */
  async chmod(mode: number): Promise<void> {
    checkMode(mode);
    return this.#simple<void>('chmod', (callback) => fs.fchmod(this.fd, mode, callback));
  }

  /** Makes the file `size` bytes long: cut, or filled up with zeros. The position stays. */
  async truncate(size: number): Promise<void> {
    checkCount(size, 'size');
    return this.#simple<void>('truncate', (callback) => fs.ftruncate(this.fd, size, callback));
  }

  /** Resolves when the disk has everything that was written before: bytes, length, times. Go: `File.Sync`. */
  sync(options?: FileCallOptions): Promise<void> {
    return this.#simple<void>('sync', (callback) => fs.fsync(this.fd, callback), options?.signal);
  }

  /** The same for the bytes, and the length where they need it: what a journal wants. */
  datasync(options?: FileCallOptions): Promise<void> {
    return this.#simple<void>('datasync', (callback) => fs.fdatasync(this.fd, callback), options?.signal);
  }

  /**
   * Takes the file's lock, for as long as it is open: false when another open file has it, here or in another
   * process. The end of the process gives it back, however it ends. Only who asks is kept out.
   *
   * @throws PathError; `ERR_UNSUPPORTED` where gopark's native part does not run.
   */
  tryLock(): boolean {
    this.#mustBeOpen('lock');
    const found = findNative();
    if ('why' in found) throw new PathError('ERR_UNSUPPORTED', found.why, this.#details('lock'));
    const result = found.native.lock(this.fd);
    if (result === 0) return true;
    if (result === -EAGAIN) return false;
    const details = { ...this.#details('lock'), errno: result, syscall: 'flock' };
    throw new PathError(errnoName(-result), errnoMessage(-result), details);
  }

  // Closing

  /**
   * Fails new calls and those that wait for their turn or for a thread with ClosedError. What a thread has begun is
   * finished; then the descriptor is closed, and the promise resolves. A second call rejects with ClosedError.
   */
  close(): Promise<void> {
    if (this.#closing !== null) return Promise.reject(new ClosedError(this.#details('close')));
    const closing = { resolve: () => {}, reject: () => {} };
    const promise = park<void>(closing);
    this.#closing = { ...closing, promise };
    const errorFor = (op: string) => new ClosedError(this.#details(op));
    this.#lock.failAll(errorFor);
    this.#transferring?.stop(errorFor('read'));
    if (this.#users === 0) this.#closeDescriptor();
    else filePool.failQueued(this.#user, errorFor);
    return promise;
  }

  #closeDescriptor(): void {
    const { resolve, reject } = this.#closing!;
    if (this.#stream !== null) {
      this.#stream.close(this.#streamIsInherited).then(resolve, reject);
    } else if (this.#inherited) {
      // Somebody else, such as console.log, goes on using it.
      resolve();
    } else {
      filePool
        .run<void>('close', this.path, (callback) => fs.close(this.fd, callback))
        .then(resolve, (error) => reject(pathError(error, this.#details('close'))));
    }
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /** `close` for `await using`: a file that is closed already is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing === null) await this.close();
    else await this.#closing.promise;
  }

  // What all operations share

  #simple<T>(op: string, work: Work<T>, signal?: AbortSignal): Promise<T> {
    return this.#run(op, work, { signal, abandonable: true }).catch((error) => {
      throw this.#error(op, error, {}, signal);
    });
  }

  #run<T>(op: string, work: Work<T>, options: PoolOptions<T> = {}): Promise<T> {
    if (this.#closing !== null) return Promise.reject(new ClosedError(this.#details(op)));
    this.#users++;
    return filePool.run(op, this.path, work, { ...options, user: this.#user });
  }

  /** The pool is through with one operation. */
  #returned(): void {
    this.#users--;
    if (this.#users === 0 && this.#closing !== null) this.#closeDescriptor();
  }

  #refuse(op: string, p: Uint8Array, offset = 0): Promise<never> | null {
    try {
      checkBytes(p);
      checkCount(offset, 'offset');
      checkCount(offset + p.length, 'the end of the range');
      this.#mustBeOpen(op);
      return null;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #mustBeOpen(op: string): void {
    if (this.#closing !== null) throw new ClosedError(this.#details(op));
  }

  #details(op: string, counts: Counts = {}): PathDetails {
    return { op, path: this.path, ...counts };
  }

  #error(op: string, error: unknown, counts: Counts = {}, signal?: AbortSignal): unknown {
    const known = error instanceof PathError ? error.bytesWritten : undefined;
    const details = this.#details(op, known === undefined ? counts : { bytesWritten: known });
    // Closed before it was found out that this is a stream: whoever waits for one is told that it is closed.
    const wasStream = this.#closing !== null && isNoPosition(error);
    if (error instanceof ClosedError || wasStream) return new ClosedError(details);
    if (signal?.aborted && error === signal.reason) return aborted(error, details);
    return pathError(error, details);
  }
}

/** The kernel's answers that a regular file never gives. */
function isNoPosition(error: unknown): boolean {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return code === 'ESPIPE' || code === 'EAGAIN';
}

/** The arrays that hold the first `most` bytes; the last one cut where it is too long. */
function firstBytes(buffers: readonly Uint8Array[], most: number): Uint8Array[] {
  const part: Uint8Array[] = [];
  let length = 0;
  for (const p of buffers) {
    if (p.length === 0) continue;
    if (length + p.length > most) {
      if (length < most) part.push(p.subarray(0, most - length));
      break;
    }
    part.push(p);
    length += p.length;
  }
  return part;
}

function withoutFirst(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest = buffers.slice();
  while (rest.length > 0 && rest[0]!.length <= count) count -= rest.shift()!.length;
  if (count > 0) rest[0] = rest[0]!.subarray(count);
  return rest;
}
