import { callSite } from '../runtime/call-site.ts';
import { MisuseError } from './errors.ts';
import { type Guard, OnceGuard } from './guard.ts';
import { Holder } from './holder.ts';
import { type Place, SyncWaiter } from './sync-waiter.ts';
import { refused, type WaitOptions } from './wait-options.ts';
import { WaitQueue } from './wait-queue.ts';
import { doneWith } from './wake.ts';

let lastId = 0;

/**
 * A lock that many readers or one writer can have. Neither starves: while a writer waits no new reader gets in, and
 * when a writer is done all readers that wait by then go first. Not re-entrant, and a reader cannot become the writer.
 * Use either the guard or the unlocking call, not both. Go: `sync.RWMutex`.
 *
 * @example
 * ```ts
 * import { RWMutex } from 'gopark/sync';
 *
 * const lock = new RWMutex();
 * const table = new Map<string, number>();
 * async function read(key: string): Promise<number | undefined> {
 *   using guard = await lock.rLock();
 *   return table.get(key);
 * }
 * async function reload(rows: Iterable<[string, number]>): Promise<void> {
 *   using guard = await lock.lock();
 *   table.clear();
 *   for (const [key, value] of rows) table.set(key, value);
 * }
 * await reload([['a', 1]]);
 * console.log(await read('a')); // 1
 * ```
 */
export class RWMutex implements Place {
  readonly #id = ++lastId;
  readonly #holder = new Holder();
  readonly #waitingReaders: WaitQueue<SyncWaiter> = new WaitQueue();
  readonly #waitingWriters: WaitQueue<SyncWaiter> = new WaitQueue();
  #readers = 0;
  #written = false;

  /** How many readers have it. */
  get readers(): number {
    return this.#readers;
  }

  /** Whether a writer has it. */
  get locked(): boolean {
    return this.#written;
  }

  /** Waits until this caller alone has the lock. Rejects only with the signal's reason; then it has it not. */
  lock(options?: WaitOptions): Promise<Guard> {
    const refusal = options === undefined ? null : refused(options);
    if (refusal !== null) return refusal;
    const site = callSite(this.lock);
    if (!this.#written && this.#readers === 0) {
      this.#written = true;
      this.#holder.set(site);
      return doneWith(this.#writeGuard());
    }
    const waiter = new SyncWaiter('sync.RWMutex.Lock', this, site);
    this.#waitingWriters.push(waiter);
    return waiter.begin(options);
  }

  /** Waits until no writer has the lock or waited for it before. Rejects only with the signal's reason. */
  rLock(options?: WaitOptions): Promise<Guard> {
    const refusal = options === undefined ? null : refused(options);
    if (refusal !== null) return refusal;
    const site = callSite(this.rLock);
    if (!this.#written && this.#waitingWriters.first === null) {
      this.#readers++;
      this.#holder.set(site);
      return doneWith(this.#readGuard());
    }
    const waiter = new SyncWaiter('sync.RWMutex.RLock', this, site);
    this.#waitingReaders.push(waiter);
    return waiter.begin(options);
  }

  /** Takes the lock as its writer if that needs no waiting, and says whether it did. */
  tryLock(): boolean {
    if (this.#written || this.#readers > 0) return false;
    this.#written = true;
    this.#holder.set(callSite(this.tryLock));
    return true;
  }

  /** Takes the lock as a reader if that needs no waiting, and says whether it did. */
  tryRLock(): boolean {
    if (this.#written || this.#waitingWriters.first !== null) return false;
    this.#readers++;
    this.#holder.set(callSite(this.tryRLock));
    return true;
  }

  /**
   * The writer gives the lock back.
   *
   * @throws MisuseError (`ERR_NOT_LOCKED`) when no writer has it.
   */
  unlock(): void {
    if (!this.#written) throw new MisuseError('ERR_NOT_LOCKED', 'unlock of unlocked RWMutex');
    this.#written = false;
    this.#holder.clear();
    if (this.#waitingReaders.first !== null) this.#admitReaders();
    else this.#admitWriter();
  }

  /**
   * A reader gives the lock back.
   *
   * @throws MisuseError (`ERR_NOT_LOCKED`) when no reader has it.
   */
  rUnlock(): void {
    if (this.#readers === 0) throw new MisuseError('ERR_NOT_LOCKED', 'rUnlock of unlocked RWMutex');
    if (--this.#readers > 0) return;
    this.#holder.clear();
    this.#admitWriter();
  }

  /** @internal */
  describe(): string {
    if (this.#written) return `RWMutex ${this.#id}, ${this.#holder.describe('locked')}`;
    const behind = this.#waitingWriters.length;
    const writers = behind === 0 ? '' : `, ${behind} to write`;
    return `RWMutex ${this.#id}, ${this.#readers} reading${writers}, ${this.#holder.describe('last locked')}`;
  }

  /** @internal */
  abandon(waiter: SyncWaiter): void {
    if (waiter.waitReason === 'sync.RWMutex.RLock') this.#waitingReaders.remove(waiter);
    else this.#waitingWriters.remove(waiter);
  }

  /**
   * Readers may have waited only because of a writer that gave up.
   * @internal
   */
  relieve(): void {
    if (!this.#written && this.#waitingWriters.first === null) this.#admitReaders();
  }

  #admitReaders(): void {
    const queue = this.#waitingReaders;
    for (let reader = queue.first; reader !== null; reader = queue.first) {
      queue.remove(reader);
      this.#readers++;
      this.#holder.set(reader.site, reader.goroutine);
      reader.grant(this.#readGuard());
    }
  }

  #admitWriter(): void {
    const writer = this.#waitingWriters.first;
    if (writer === null) return;
    this.#waitingWriters.remove(writer);
    this.#written = true;
    this.#holder.set(writer.site, writer.goroutine);
    writer.grant(this.#writeGuard());
  }

  #writeGuard(): Guard {
    return new OnceGuard(() => this.unlock());
  }

  #readGuard(): Guard {
    return new OnceGuard(() => this.rUnlock());
  }
}
