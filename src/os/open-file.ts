import fs, { constants } from 'node:fs';
import { isatty } from 'node:tty';
import { park } from '../runtime/park.ts';
import { DescriptorStream, reopen } from './descriptor-stream.ts';
import { aborted, ClosedError, type PathDetails, PathError, pathError } from './errors.ts';
import type { Done, FileEngine } from './file-engine.ts';
import { fileLane, type Lane, lanes, threadLane } from './lanes.ts';
import { Lock } from './lock.ts';
import { PipeStream } from './pipe-stream.ts';
import type { PoolOptions, PoolUser } from './pool.ts';
import type { FileTransfer } from './send-file.ts';

/** A file without a position: on our own poller, or on Node's. */
export type Stream = PipeStream | DescriptorStream;

/** An operation of an engine. */
export type FileWork<T> = (engine: FileEngine, done: Done<T>) => void;

/** How much of a call went before it failed. */
export type Counts = { bytesRead?: number; bytesWritten?: number };

/** The descriptor of a File and what its operations share: the position, the turn, the pool, the errors, the end. */
export class OpenFile {
  readonly path: string;
  readonly fd: number;
  readonly appends: boolean;
  /** The parent's: the position is shared with other processes, and the descriptor is not ours to close. */
  readonly inherited: boolean;
  readonly #access: number;
  /** Closes it. */
  readonly #opener: Lane;
  /** Where the next read or write is; null: at the end, after an append. */
  position: number | null = 0;
  /** Who has it uses the position. */
  readonly lock = new Lock();
  /** It has no position: a pipe, a FIFO, a terminal, a socket. */
  stream: Stream | null = null;
  #streamIsInherited = false;
  /** Whether it is known if it is one. */
  #isKnown = false;
  /** Whether it is worth asking the kernel's memory before a thread. */
  mayBeCached = true;
  /** On its way to a connection, which may take its time. */
  transferring: FileTransfer | null = null;
  /** Whether the engine that was asked last is one for it. */
  #lane: { readonly asked: Lane; readonly suits: boolean } | null = null;
  /** Operations that are with the pool. */
  #users = 0;
  readonly #user: PoolUser = { returned: () => this.#returned() };
  #closing: { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } | null = null;

  constructor(path: string, fd: number, flags: number, inherited: boolean, opener: Lane) {
    this.#opener = opener;
    this.path = path;
    this.fd = fd;
    this.appends = (flags & constants.O_APPEND) !== 0;
    this.#access = flags & (constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR);
    this.inherited = inherited;
  }

  // What it is

  /** A file without a position, as the kernel's answer shows: a pipe, a terminal. */
  streamAfter(error: unknown): Stream | null {
    if (!isNoPosition(error) || this.#closing !== null) return null;
    this.stream ??= this.#streamOver(this.fd, this.#opener);
    return this.stream;
  }

  /** What a descriptor of the parent's is, is found out when it is first used. */
  lookAtInherited(op: string): void {
    if (this.#isKnown) return;
    const { fd, path } = this;
    let stats: fs.Stats;
    try {
      stats = fs.fstatSync(fd);
    } catch (error) {
      throw pathError(error, this.details(op));
    }
    this.#isKnown = true;
    if (!stats.isFIFO() && !stats.isSocket() && !isatty(fd)) return;
    const own = reopen(fd, this.#access);
    this.#streamIsInherited = own === null;
    this.stream =
      own === null ? new DescriptorStream(fd, path, this.#access) : this.#streamOver(own, threadLane);
  }

  /** What has no position must not seem to have one. */
  async lookForStream(op: string): Promise<void> {
    if (this.#isKnown || this.stream !== null) return;
    const stats = await this.run<fs.Stats>(fileLane(), op, (engine, done) => engine.stat(this.fd, done));
    this.mustBeOpen(op);
    this.#isKnown = true;
    if (stats.isFIFO() || stats.isSocket() || (stats.isCharacterDevice() && isatty(this.fd))) {
      this.stream ??= this.#streamOver(this.fd, this.#opener);
    }
  }

  /** Of a descriptor that does not block and is ours alone. */
  #streamOver(fd: number, opener: Lane): Stream {
    return (
      PipeStream.over(fd, this.path, this.#access, opener) ??
      new DescriptorStream(fd, this.path, this.#access)
    );
  }

  /** The pipe that it is, for a copy; null: no pipe, or not one of our poller's. */
  async pipe(op: 'read' | 'write'): Promise<PipeStream | null> {
    this.mustBeOpen(op);
    if (!PipeStream.possible) return null;
    // Only the call itself finds the right words for that.
    if (this.#access === (op === 'read' ? constants.O_WRONLY : constants.O_RDONLY)) return null;
    if (this.inherited) this.lookAtInherited(op);
    else await this.lookForStream(op);
    return this.stream instanceof PipeStream ? this.stream : null;
  }

  async current(op: string): Promise<number> {
    return this.position ?? this.size(op);
  }

  async size(op: string): Promise<number> {
    return (await this.run<fs.Stats>(fileLane(), op, (engine, done) => engine.stat(this.fd, done))).size;
  }

  // The pool

  /** What executes its reads and writes. */
  get lane(): Lane {
    const lane = fileLane();
    if (lane === threadLane || this.inherited) return threadLane;
    if (this.#lane?.asked !== lane) this.#lane = { asked: lane, suits: lane.engine.suits(this.fd) };
    return this.#lane.suits ? lane : threadLane;
  }

  /** Runs `work` in its turn; its errors come as they are. */
  run<T>({ pool, engine }: Lane, op: string, work: FileWork<T>, options: PoolOptions<T> = {}): Promise<T> {
    if (this.#closing !== null) return Promise.reject(new ClosedError(this.details(op)));
    return pool.run(op, this.path, (done) => work(engine, done), { ...options, user: this.begin() });
  }

  /** The same for what is a call of the user's, with nothing of the user's in use: errors as the user sees them. */
  simple<T>(op: string, work: FileWork<T>, signal?: AbortSignal, lane = fileLane()): Promise<T> {
    return this.run(lane, op, work, { signal, abandonable: true }).catch((error) => {
      throw this.error(op, error, {}, signal);
    });
  }

  /** Counts one more operation that uses the descriptor, until `returned`. */
  begin(): PoolUser {
    this.#users++;
    return this.#user;
  }

  /** The pool is through with one operation. */
  #returned(): void {
    this.#users--;
    if (this.#users === 0 && this.#closing !== null) this.#closeDescriptor();
  }

  // The end

  get closed(): boolean {
    return this.#closing !== null;
  }

  mustBeOpen(op: string): void {
    if (this.#closing !== null) throw new ClosedError(this.details(op));
  }

  close(): Promise<void> {
    if (this.#closing !== null) return Promise.reject(new ClosedError(this.details('close')));
    const closing = { resolve: () => {}, reject: () => {} };
    const promise = park<void>(closing);
    this.#closing = { ...closing, promise };
    const errorFor = (op: string) => new ClosedError(this.details(op));
    this.lock.failAll(errorFor);
    this.transferring?.stop(errorFor('read'));
    if (this.#users === 0) this.#closeDescriptor();
    else for (const { pool } of lanes()) pool.failQueued(this.#user, errorFor);
    return promise;
  }

  /** Resolves when it is closed, by this call or another. */
  async dispose(): Promise<void> {
    if (this.#closing === null) await this.close();
    else await this.#closing.promise;
  }

  #closeDescriptor(): void {
    const { resolve, reject } = this.#closing!;
    if (this.stream !== null) {
      this.stream.close(this.#streamIsInherited).then(resolve, reject);
    } else if (this.inherited) {
      // Somebody else, such as console.log, goes on using it.
      resolve();
    } else {
      const { engine, pool } = this.#opener;
      pool
        .run<void>('close', this.path, (done) => engine.close(this.fd, done))
        .then(resolve, (error) => reject(pathError(error, this.details('close'))));
    }
  }

  // Errors

  details(op: string, counts: Counts = {}): PathDetails {
    return { op, path: this.path, ...counts };
  }

  /** The error as the caller of `op` sees it. */
  error(op: string, error: unknown, counts: Counts = {}, signal?: AbortSignal): unknown {
    const known = error instanceof PathError ? error.bytesWritten : undefined;
    const details = this.details(op, known === undefined ? counts : { bytesWritten: known });
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
