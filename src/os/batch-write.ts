import { syncError } from './durable-write.ts';
import type { PathError } from './errors.ts';
import type { BatchEnded } from './file-engine.ts';
import type { OpenFile } from './open-file.ts';
import type { FilePool, PoolUser } from './pool.ts';
import { type Durability, withoutFirst, writeHeld } from './writing.ts';

/** `error` null: all of it is written, and synced where that was asked for. `taken`: how many bytes the kernel took. */
export type BatchWritten = (error: unknown, taken: number) => void;

/**
 * Writes of one user, one at a time, without a promise or a goroutine for each: thousands a second leave nothing for
 * the garbage collector's long rounds. Whatever is not simple goes the long way.
 */
export class BatchWrite {
  readonly #done: BatchWritten;
  readonly #engineDone: BatchEnded = (written, synced) => this.#ended(written, synced);
  // Of the write under way:
  #file: OpenFile | null = null;
  #pool: FilePool | null = null;
  #user: PoolUser | null = null;
  #position: number | null = null;
  #buffers: readonly Uint8Array[] = [];
  #length = 0;
  #syncs = false;

  constructor(done: BatchWritten) {
    this.#done = done;
  }

  /** Begins to write where the file stands, behind nobody. False: this is not for us, and nothing was done. */
  tryBegin(file: OpenFile, buffers: readonly Uint8Array[], length: number, syncs: boolean): boolean {
    const { engine, pool } = file.lane;
    if (engine.writeBatch === undefined || length === 0 || length > engine.largestPiece) return false;
    if (file.closed || file.inherited || file.stream !== null) return false;
    const position = file.appends ? null : file.position;
    if (position === null && !file.appends) return false;
    if (file.lock.held || !pool.tryBegin()) return false;
    // Free, so that nobody waits here.
    void file.lock.take('write', file.path, undefined);
    this.#file = file;
    this.#pool = pool;
    this.#user = file.begin();
    this.#position = position;
    this.#buffers = buffers;
    this.#length = length;
    this.#syncs = syncs;
    engine.writeBatch(file.fd, buffers, position, syncs, this.#engineDone);
    return true;
  }

  #ended(written: number, synced: number): void {
    const file = this.#file!;
    this.#pool!.ended();
    if (written > 0) file.position = this.#position === null ? null : this.#position + written;
    if (written === this.#length && (!this.#syncs || synced === 0)) this.#finish(file, null, written);
    else void this.#goOn(file, Math.max(0, written), synced);
  }

  #finish(file: OpenFile, error: unknown, taken: number): void {
    const user = this.#user!;
    this.#file = null;
    this.#pool = null;
    this.#user = null;
    this.#buffers = [];
    file.lock.give();
    user.returned();
    this.#done(error, taken);
  }

  /** What failed, or is left. A write of which the kernel took nothing is tried once more, and then says why. */
  async #goOn(file: OpenFile, taken: number, synced: number): Promise<void> {
    let error: unknown = null;
    try {
      const failure = syncError(synced);
      if (failure !== null) throw file.error('datasync', failure, { bytesWritten: taken });
      const durability: Durability | null = this.#syncs ? { synced: false } : null;
      if (taken < this.#length) {
        const rest = withoutFirst(this.#buffers, taken);
        await writeHeld(file, rest, this.#length - taken, undefined, durability);
        taken = this.#length;
      }
      if (durability?.synced === false) {
        await file.simple<void>('datasync', (engine, done) => engine.datasync(file.fd, done));
      }
    } catch (cause) {
      error = cause;
      if (taken < this.#length) taken += (cause as Partial<PathError>).bytesWritten ?? 0;
    }
    this.#finish(file, error, taken);
  }
}
