import { errnoMessage } from '../poll/errno.ts';
import { now } from '../runtime/clock.ts';
import { BatchWrite } from './batch-write.ts';
import { PathError } from './errors.ts';
import type { File } from './file.ts';
import { beginNewFile, type Rotation, removeOldFiles } from './rotation.ts';

/** An error of the file as writers are told it: none of their bytes counts as written. */
function told(cause: unknown, path: string): unknown {
  if (!(cause instanceof PathError)) return cause;
  const { op, code, errno, syscall } = cause;
  const reason = errno === undefined ? cause.message : errnoMessage(-errno);
  return new PathError(code, reason, { op, path, errno, syscall, cause, bytesWritten: 0 });
}

export interface BatchFileOptions {
  readonly sync: 'never' | 'batch' | number;
  readonly truncates: boolean;
  readonly rotate: Rotation | null;
}

/** The file of an AsyncWriter, batch by batch: one call at a time. */
export class BatchFile {
  file: File;
  readonly #options: BatchFileOptions;
  /** Where the next batch begins; null: not known yet. */
  #end: number | null = null;
  #begun = 0;
  /** When the disk must have what the kernel has; Infinity: it has it, or nobody has asked. */
  syncDue = Number.POSITIVE_INFINITY;
  /**
   * A failure after which nobody knows what is in the file. Of a sync: the kernel may have dropped the pages, and
   * would report success the next time.
   */
  broken: unknown = null;
  /** A rotation failed; the bytes went to the old file. */
  rotationFailure: unknown = null;
  readonly counts = { batches: 0, syncs: 0, rotations: 0, failures: 0 };

  readonly #ended: (error: unknown) => void;
  readonly #write = new BatchWrite((error, taken) => this.#batchWritten(error, taken));
  /** Of the batch that `tryPut` has begun. */
  #length = 0;

  /** @param ended is told how a batch of `tryPut` ended: null, or why it failed. */
  constructor(file: File, options: BatchFileOptions, ended: (error: unknown) => void) {
    this.file = file;
    this.#options = options;
    this.#ended = ended;
  }

  /** Writes one batch, and syncs it where that is promised: null, or why it failed. */
  async put(buffers: readonly Uint8Array[], length: number): Promise<unknown> {
    if (this.broken !== null) return this.broken;
    const { sync } = this.#options;
    try {
      this.#end ??= await this.#whereItEnds();
    } catch (error) {
      return this.#failed(error);
    }
    if (this.#rotatesBefore(length)) await this.#rotate();
    if (this.broken !== null) return this.broken;
    const start = this.#end;
    this.counts.batches++;
    try {
      if (sync === 'batch') await this.file.writeDurably(buffers);
      else await this.file.writev(buffers);
      this.#written(start + length);
      return null;
    } catch (error) {
      return this.#recover(error, start, length, (error as PathError).bytesWritten ?? 0);
    }
  }

  /**
   * The same without a promise, as nearly every batch goes: `ended` is called with what `put` resolves. False: it is
   * one for `put`.
   */
  tryPut(buffers: readonly Uint8Array[], length: number): boolean {
    if (this.broken !== null || this.#end === null || this.#rotatesBefore(length)) return false;
    if (!this.file.tryBegin(this.#write, buffers, length, this.#options.sync === 'batch')) return false;
    this.counts.batches++;
    this.#length = length;
    return true;
  }

  #batchWritten(error: unknown, taken: number): void {
    const start = this.#end!;
    if (error === null) {
      this.#written(start + taken);
      this.#ended(null);
    } else {
      void this.#recover(error, start, this.#length, taken).then(this.#ended);
    }
  }

  /** A batch is in the file, which ends at `end` now. */
  #written(end: number): void {
    const { sync } = this.#options;
    if (sync === 'batch') this.counts.syncs++;
    else if (sync !== 'never') this.syncDue = Math.min(this.syncDue, now() + sync);
    this.#end = end;
  }

  /** After a batch that failed: of what the kernel took, as much stays as was promised. What its writers are told. */
  async #recover(error: unknown, start: number, length: number, taken: number): Promise<unknown> {
    const failure = this.#failed(error);
    if (error instanceof PathError && error.op === 'datasync') {
      this.counts.syncs++;
      this.#end = start + length;
      this.broken = failure;
      await this.#cutOffUnsynced(start);
    } else {
      await this.#cleanUp(start, taken);
    }
    return failure;
  }

  /** Makes the disk have what the kernel has: null, or why that failed. */
  async sync(): Promise<unknown> {
    if (this.broken !== null) return this.broken;
    this.syncDue = Number.POSITIVE_INFINITY;
    try {
      this.counts.syncs++;
      await this.file.datasync();
      return null;
    } catch (error) {
      this.broken = this.#failed(error);
      return this.broken;
    }
  }

  #failed(error: unknown): unknown {
    this.counts.failures++;
    return told(error, this.file.path);
  }

  async #whereItEnds(): Promise<number> {
    const { file } = this;
    const { truncates, rotate } = this.#options;
    this.#begun = now();
    // Nobody asks: a pipe or a terminal has no such place.
    if (!truncates && rotate === null) return 0;
    return file.appends ? (await file.stat()).size : file.seek(0, 'current');
  }

  /** After a batch of which the kernel took `taken` bytes. */
  async #cleanUp(start: number, taken: number): Promise<void> {
    if (!this.#options.truncates) {
      this.#end = start + taken;
      return;
    }
    if (taken === 0) return;
    try {
      await this.file.truncate(start);
      await this.file.seek(start, 'start');
      if (this.#options.sync === 'batch') await this.file.datasync();
    } catch (error) {
      this.broken = this.#failed(error);
    }
  }

  /** After a failed sync: what its writers are told is not in the file should not be found there. */
  async #cutOffUnsynced(start: number): Promise<void> {
    if (!this.#options.truncates) return;
    try {
      await this.file.truncate(start);
    } catch {
      // The disk fails: they have been told that already, and that nothing is certain any more.
    }
  }

  /** Whether so many more bytes, or the time, end the file. */
  #rotatesBefore(length: number): boolean {
    const { rotate } = this.#options;
    if (rotate === null || this.#end === null || this.#end === 0) return false;
    const { size = Number.POSITIVE_INFINITY, interval = Number.POSITIVE_INFINITY } = rotate;
    return this.#end + length > size || now() - this.#begun >= interval;
  }

  async #rotate(): Promise<void> {
    const { sync } = this.#options;
    const { keep, header } = this.#options.rotate!;
    try {
      const bytes = header?.() ?? new Uint8Array();
      // A file of nothing but its header: another one would be no shorter.
      if (this.#end! <= bytes.length) return;
      if (sync !== 'never' && (await this.sync()) !== null) return;
      const old = this.file;
      this.file = await beginNewFile(old, bytes, sync !== 'never');
      this.#end = bytes.length;
      this.#begun = now();
      this.counts.rotations++;
      await old.close();
      if (keep !== undefined) await removeOldFiles(old.path, keep);
    } catch (error) {
      this.rotationFailure = this.#failed(error);
    }
  }
}
