import { checkBytes, checkCount } from '../io/arguments.ts';
import { ArgumentRangeError, ArgumentTypeError, type Closer, type Writer } from '../io/index.ts';
import { resolvedCount } from '../io/resolved.ts';
import { now } from '../runtime/clock.ts';
import { go } from '../runtime/goroutine.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { BatchFile } from './batch-file.ts';
import { Commit } from './commit.ts';
import { ClosedError } from './errors.ts';
import { File } from './file.ts';
import { RoomQueue } from './room-queue.ts';
import { checkRotation, type Rotation } from './rotation.ts';
import type { FileCallOptions } from './waiting.ts';

const unanswered = new Promise<never>(() => {});
const DEFAULT_CAPACITY = 1 << 20;

/**
 * How an AsyncWriter works.
 *
 * @example
 * ```ts
 * import type { AsyncWriterOptions } from 'gopark/os';
 *
 * const forLogs: AsyncWriterOptions = { whenFull: 'drop', sync: 1000, rotate: { size: 100 << 20, keep: 5 } };
 * const forJournals: AsyncWriterOptions = { sync: 'batch', whenFailed: 'truncate' };
 * ```
 */
export interface AsyncWriterOptions {
  /** The most bytes that wait for the disk; 1 MiB unless given. A single longer write is taken when none wait. */
  capacity?: number;
  /** What a write does beyond that: 'wait' for room, the default, or be dropped and counted. */
  whenFull?: 'wait' | 'drop';
  /**
   * When the disk is made to have what the kernel has. 'never', the default: whenever the kernel likes; what was
   * written survives the end of the process, not a power cut. 'batch': after each batch; it survives both. A number:
   * at most so many milliseconds after it was written.
   */
  sync?: 'never' | 'batch' | number;
  /**
   * What becomes of a batch that the kernel took only a part of. 'keep' leaves that part, as is fine for a log;
   * 'truncate' cuts it off again, so that a batch is in the file or not at all. Nobody else may write to the file then.
   */
  whenFailed?: 'keep' | 'truncate';
  rotate?: Rotation;
}

/**
 * What an AsyncWriter did.
 *
 * @example
 * ```ts
 * import type { AsyncWriterStats } from 'gopark/os';
 *
 * const lost = (stats: AsyncWriterStats) => stats.droppedWrites > 0 || stats.failures > 0;
 * ```
 */
export interface AsyncWriterStats {
  /** Bytes taken and not yet in the file. */
  queued: number;
  /** Writes and bytes taken, and the batches that they became. */
  writes: number;
  bytes: number;
  batches: number;
  /** How often the disk was made to have them. */
  syncs: number;
  rotations: number;
  /** What found the queue full and did not wait. */
  droppedWrites: number;
  droppedBytes: number;
  /** Batches, syncs and rotations that failed. */
  failures: number;
}

/**
 * A queue in front of a file: writers leave a copy and go on. All that came while the disk was busy becomes one
 * batch: one write and, if asked for, one sync, however many writers. The file is the writer's from then on; `close`
 * closes it.
 *
 * Errors: `commit` rejects with what became of its own bytes. An error that concerns bytes of `write` or `tryWrite`
 * is kept, and every call of these and `flush` rejects with it, until a `flush` that began after it has told it;
 * then the writer tries anew (after a failed sync it never does: nobody knows what the disk has). `close` tells what
 * is left. So no error is lost, and none ends the process.
 *
 * The process stays alive while there is something to write, and no longer. `process.exit` does not wait: see
 * `closeOnSignal`.
 *
 * @example
 * ```ts
 * import { writeString } from 'gopark/io';
 * import { AsyncWriter, open } from 'gopark/os';
 *
 * await using log = new AsyncWriter(await open('app.log', 'a'), { whenFull: 'drop', sync: 1000 });
 * await writeString(log, 'started\n'); // a copy in memory
 * await log.flush(); // now on the disk
 * ```
 */
export class AsyncWriter implements Writer, Closer, AsyncDisposable {
  readonly #target: BatchFile;
  readonly #path: string;
  readonly #capacity: number;
  readonly #drops: boolean;
  /** What the next batch will be, and the one that is being written. */
  #collecting: Commit;
  #running: Commit | null = null;
  /** Bytes in both. */
  #queued = 0;
  readonly #room: RoomQueue;
  readonly #counts = { writes: 0, bytes: 0, droppedWrites: 0, droppedBytes: 0 };
  #draining = false;
  readonly #goOn = () => this.#next();
  readonly #alarm: Timer = { when: 0, index: -1, holds: true, fire: () => this.#wake() };
  /** Whoever waits for a sync: the next, the running one; and for everything to be done. */
  #nextSync: Commit | null = null;
  #runningSync: Commit | null = null;
  #nextIdle: Commit | null = null;
  /** What somebody has to be told. */
  #failure: unknown = null;
  #closing: Promise<void> | null = null;
  /** The process ends with it. */
  #isLast = false;

  constructor(file: File, options: AsyncWriterOptions = {}) {
    if (!(file instanceof File)) throw new ArgumentTypeError('file', 'a File', file);
    const { capacity, whenFull, sync, whenFailed, rotate } = checkOptions(options);
    this.#target = new BatchFile(file, { sync, truncates: whenFailed === 'truncate', rotate }, (error) =>
      this.#batchEnded(error),
    );
    this.#path = file.path;
    this.#capacity = capacity;
    this.#drops = whenFull === 'drop';
    this.#collecting = new Commit(file.path);
    this.#room = new RoomQueue(file.path);
  }

  /** The file that is written now: after a rotation another one. */
  get file(): File {
    return this.#target.file;
  }

  get stats(): AsyncWriterStats {
    return { queued: this.#queued, ...this.#counts, ...this.#target.counts };
  }

  // Writing

  /**
   * Resolves `p.length` when a copy of `p` is in the queue, all of it or nothing. When the queue is full it waits,
   * behind those that wait already, or drops `p`, counts it, and resolves `p.length` all the same.
   */
  write(p: Uint8Array, options?: FileCallOptions): Promise<number> {
    try {
      checkBytes(p);
      const { length } = p;
      if (this.#isLast) return unanswered;
      this.#mustTakePlain();
      if (this.#tryTake(p, true) !== null) return resolvedCount(length);
      if (!this.#drops) return this.#takeWhenThereIsRoom(p, true, options?.signal).then(() => length);
      this.#drop(p);
      return resolvedCount(length);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes a copy of `p` now, or not at all: false when the queue is full; with `whenFull: 'drop'` that is counted as
   * a drop.
   *
   * @throws what `write` would reject with.
   */
  tryWrite(p: Uint8Array): boolean {
    checkBytes(p);
    if (this.#isLast) return false;
    this.#mustTakePlain();
    if (this.#tryTake(p, true) !== null) return true;
    if (this.#drops) this.#drop(p);
    return false;
  }

  /**
   * Writes `p` and resolves `p.length` when it is in the file to the degree that `sync` promises: for 'batch' on the
   * disk, otherwise in the kernel. Waits for room, whatever `whenFull` says. Rejects with the reason when the bytes
   * or their sync failed. A signal ends the wait; what is in the queue then is written all the same.
   */
  async commit(p: Uint8Array, options?: FileCallOptions): Promise<number> {
    checkBytes(p);
    const { length } = p;
    if (this.#isLast) await unanswered;
    this.#mustWork();
    const commit = this.#tryTake(p, false) ?? (await this.#takeWhenThereIsRoom(p, false, options?.signal));
    await commit.waitAs('commit', options?.signal);
    return length;
  }

  /**
   * Takes a copy of `p` now and says whose fate it shares; null when the queue is full.
   *
   * @throws ClosedError, or the error after which the writer does not go on.
   */
  tryCommit(p: Uint8Array): Commit | null {
    checkBytes(p);
    this.#mustWork();
    return this.#tryTake(p, false);
  }

  /** How many bytes the queue takes now; 0 when others wait. */
  get available(): number {
    return this.#room.first === undefined ? Math.max(0, this.#capacity - this.#queued) : 0;
  }

  /**
   * Resolves when the queue takes `length` bytes, or is empty. That takes no room: try, and wait again. `length` is
   * at least 1.
   */
  async waitWritable(length = 1, options?: FileCallOptions): Promise<void> {
    checkCount(length, 'length', 1);
    this.#mustWork();
    if (this.#room.first === undefined && this.#fits(length)) return;
    await this.#room.wait(length, false, options?.signal);
  }

  #tryTake(p: Uint8Array, plain: boolean): Commit | null {
    return this.#room.first === undefined && this.#fits(p.length) ? this.#take(p, plain) : null;
  }

  #fits(length: number): boolean {
    return this.#queued + length <= this.#capacity || this.#queued === 0;
  }

  #take(p: Uint8Array, plain: boolean): Commit {
    this.#counts.writes++;
    if (p.length === 0 && this.#collecting.length === 0) return this.#running ?? settledCommit(this.#path);
    const commit = this.#collecting;
    commit.add(p);
    if (plain) commit.hasPlainWrites = true;
    this.#queued += p.length;
    this.#counts.bytes += p.length;
    this.#wake();
    return commit;
  }

  #takeWhenThereIsRoom(p: Uint8Array, plain: boolean, signal: AbortSignal | undefined): Promise<Commit> {
    return this.#room.wait(p, plain, signal) as Promise<Commit>;
  }

  #drop(p: Uint8Array): void {
    this.#counts.droppedWrites++;
    this.#counts.droppedBytes += p.length;
  }

  /** Lets in who waits for room, as far as there is some. */
  #admit(): void {
    for (let wait = this.#room.first; wait !== undefined; wait = this.#room.first) {
      const { wanted, plain } = wait;
      if (!this.#fits(typeof wanted === 'number' ? wanted : wanted.length)) return;
      this.#room.succeed(wait, typeof wanted === 'number' ? null : this.#take(wanted, plain));
    }
  }

  // What writes

  #wake(): void {
    if (this.#draining) return;
    this.#draining = true;
    // Behind all goroutines that run in this turn: what they write belongs to the same batch.
    process.nextTick(this.#goOn);
  }

  /** Does the next thing, if there is one: nearly always a batch that is begun here and ends in a callback. */
  #next(): void {
    if (this.#collecting.length > 0) this.#writeBatch();
    else if (this.#nextSync !== null || this.#target.syncDue <= now()) this.#run(() => this.#syncNow());
    else this.#rest();
  }

  /** What takes more than one step is a goroutine. */
  #run(fn: () => Promise<void>): void {
    go(fn).unref().markInternal();
  }

  #rest(): void {
    this.#draining = false;
    if (this.#target.syncDue < Number.POSITIVE_INFINITY) timers.set(this.#alarm, this.#target.syncDue);
    this.#nextIdle?.settle(null);
    this.#nextIdle = null;
  }

  #writeBatch(): void {
    const commit = this.#collecting;
    this.#collecting = new Commit(this.#path);
    this.#running = commit;
    const { buffers, length } = commit;
    if (this.#target.tryPut(buffers, length)) return;
    this.#run(async () => this.#batchEnded(await this.#target.put(buffers, length)));
  }

  #batchEnded(error: unknown): void {
    const commit = this.#running!;
    this.#running = null;
    this.#queued -= commit.length;
    if (error !== null && commit.hasPlainWrites) this.#failure = error;
    this.#failure ??= this.#target.rotationFailure;
    this.#target.rotationFailure = null;
    // The disk goes on while those are answered who waited for it.
    if (error === null && this.#collecting.length > 0) this.#writeBatch();
    commit.settle(error);
    if (this.#target.broken !== null) this.#room.failAll(this.#target.broken);
    this.#admit();
    if (this.#running === null) this.#next();
  }

  async #syncNow(): Promise<void> {
    await this.#sync();
    this.#next();
  }

  async #sync(): Promise<void> {
    const sync = this.#nextSync ?? new Commit(this.#path);
    this.#nextSync = null;
    this.#runningSync = sync;
    timers.delete(this.#alarm);
    const error = await this.#target.sync();
    if (error !== null) this.#failure = error;
    this.#runningSync = null;
    sync.settle(error);
  }

  // Certainty

  /**
   * Resolves when all that was taken before the call is in the file to the degree that `sync` promises; where that
   * is a number of milliseconds, it does not wait for them. Rejects when something has failed: see above.
   */
  async flush(options?: FileCallOptions): Promise<void> {
    if (this.#closing !== null) throw this.#closedError('flush');
    const { signal } = options ?? {};
    if (this.#failure !== null) throw this.#takeFailure();
    const taken = [this.#running, this.#collecting.length > 0 ? this.#collecting : null];
    for (const commit of taken) await commit?.waitAs('flush', signal);
    // All of it is in the kernel now.
    if (this.#target.syncDue === Number.POSITIVE_INFINITY) return this.#runningSync?.waitAs('flush', signal);
    this.#nextSync ??= new Commit(this.#path);
    this.#wake();
    await this.#nextSync.waitAs('flush', signal);
  }

  #takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = this.#target.broken;
    return failure;
  }

  // Closing

  /**
   * Takes nothing more, writes and syncs what is there, as promised, and closes the file. Rejects with an error that
   * nobody has been told yet. A second call rejects with ClosedError.
   */
  close(): Promise<void> {
    if (this.#closing !== null) return Promise.reject(this.#closedError('close'));
    if (!this.#isLast) this.#room.failAll(this.#closedError('write'));
    this.#closing = this.#close();
    return this.#closing;
  }

  /**
   * @internal Closes it because the process is about to end. Who writes meanwhile gets no answer any more: a rejection
   * that nobody looks at would end the process before what is queued has reached the disk.
   */
  closeLast(): Promise<void> {
    this.#isLast = true;
    return this.close();
  }

  async #close(): Promise<void> {
    if (this.#draining) {
      this.#nextIdle = new Commit(this.#path);
      await this.#nextIdle.waitAs('close', undefined);
    }
    timers.delete(this.#alarm);
    if (this.#target.syncDue < Number.POSITIVE_INFINITY) await this.#sync();
    await this.file.close();
    if (this.#failure !== null) throw this.#failure;
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /** `close` for `await using`: a writer that is closed already is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing === null) await this.close();
    else await this.#closing;
  }

  #mustTakePlain(): void {
    this.#mustWork();
    if (this.#failure !== null) throw this.#failure;
  }

  #mustWork(): void {
    if (this.#closing !== null) throw this.#closedError('write');
    if (this.#target.broken !== null) throw this.#target.broken;
  }

  #closedError(op: string): ClosedError {
    return new ClosedError({ op, path: this.#path, bytesWritten: 0 });
  }
}

function settledCommit(path: string): Commit {
  const commit = new Commit(path);
  commit.settle(null);
  return commit;
}

function checkOptions(options: AsyncWriterOptions) {
  const { capacity = DEFAULT_CAPACITY, whenFull = 'wait', sync = 'never', whenFailed = 'keep' } = options;
  checkCount(capacity, 'capacity', 1);
  if (whenFull !== 'wait' && whenFull !== 'drop') {
    throw new ArgumentRangeError('whenFull', "'wait' or 'drop'", whenFull);
  }
  if (
    sync !== 'never' &&
    sync !== 'batch' &&
    !(typeof sync === 'number' && sync > 0 && Number.isFinite(sync))
  ) {
    throw new ArgumentRangeError('sync', "'never', 'batch' or milliseconds above 0", sync);
  }
  if (whenFailed !== 'keep' && whenFailed !== 'truncate') {
    throw new ArgumentRangeError('whenFailed', "'keep' or 'truncate'", whenFailed);
  }
  if (options.rotate !== undefined) checkRotation(options.rotate);
  return { capacity, whenFull, sync, whenFailed, rotate: options.rotate ?? null };
}
