import { type CallSite, callSite } from '../runtime/call-site.ts';
import { MisuseError } from './errors.ts';
import type { Guard } from './guard.ts';
import { Holder } from './holder.ts';
import { type Place, SyncWaiter } from './sync-waiter.ts';
import { refused, type WaitOptions } from './wait-options.ts';
import { WaitQueue } from './wait-queue.ts';
import { doneWith } from './wake.ts';

type Callee = (...args: never[]) => unknown;

let lastId = 0;

/**
 * A lock for stretches of code with awaits in them. Handed over in the order of asking; not re-entrant: who locks it
 * twice waits for ever (and the dump shows both places). Go: `sync.Mutex`.
 *
 * @example
 * ```ts
 * import { Mutex } from 'gopark/sync';
 *
 * const mutex = new Mutex();
 * let balance = 100;
 * async function withdraw(amount: number): Promise<boolean> {
 *   using guard = await mutex.lock();
 *   if (balance < amount) return false;
 *   await Promise.resolve('asking the bank');
 *   balance -= amount;
 *   return true;
 * }
 * console.log(await Promise.all([withdraw(70), withdraw(70)])); // [ true, false ]
 * ```
 */
export class Mutex implements Place {
  readonly #id = ++lastId;
  readonly #holder = new Holder();
  readonly #waiters: WaitQueue<SyncWaiter> = new WaitQueue();
  /** Which taking of the lock the present one is; 0: it is free. */
  #turn = 0;
  #lastTurn = 0;

  /** Whether somebody has it. */
  get locked(): boolean {
    return this.#turn !== 0;
  }

  /**
   * Waits until the lock is this caller's. Give it back with the guard (by `using`) or with `unlock`; a guard does
   * nothing when its lock was given back already. Rejects only with the signal's reason; then it has not the lock.
   */
  lock(options?: WaitOptions): Promise<Guard> {
    return this.lockFor(this.lock, options);
  }

  /**
   * The same on behalf of another function: its caller is who locks.
   * @internal
   */
  lockFor(callee: Callee, options?: WaitOptions): Promise<Guard> {
    if (options !== undefined) {
      const refusal = refused(options);
      if (refusal !== null) return refusal;
    }
    const site = callSite(callee);
    if (this.#turn === 0) {
      this.#holder.set(site);
      return doneWith(new MutexGuard(this, this.#take())) as Promise<Guard>;
    }
    return this.#park(site, 0, options);
  }

  /** Takes the lock if it is free, and says whether it did. */
  tryLock(): boolean {
    if (this.#turn !== 0) return false;
    this.#holder.set(callSite(this.tryLock));
    this.#take();
    return true;
  }

  /**
   * Gives the lock back, to who waits longest if anybody does. Any goroutine may.
   *
   * @throws MisuseError (`ERR_NOT_LOCKED`) when nobody has it.
   */
  unlock(): void {
    if (this.#turn === 0) throw new MisuseError('ERR_NOT_LOCKED', 'unlock of unlocked mutex');
    const next = this.#waiters.first;
    if (next === null) {
      this.#turn = 0;
      this.#holder.clear();
      return;
    }
    this.#waiters.remove(next);
    // `units` of a waiter is the turn that it had before, if it had one.
    const turn = next.units === 0 ? this.#take() : next.units;
    this.#turn = turn;
    this.#holder.set(next.site, next.goroutine);
    next.grant(new MutexGuard(this, turn));
  }

  /**
   * Gives the lock back for a while. What it returns is for `resume`.
   * @internal
   */
  suspend(): number {
    const turn = this.#turn;
    this.unlock();
    return turn;
  }

  /**
   * Takes the lock as the same turn again, so that the guard of it stays good.
   * @internal
   */
  resume(turn: number): Promise<unknown> {
    if (this.#turn !== 0) return this.#park(callSite(this.resume), turn, undefined);
    this.#turn = turn;
    this.#holder.set(null);
    return doneWith(undefined);
  }

  /** @internal */
  holds(turn: number): boolean {
    return this.#turn === turn;
  }

  /** @internal */
  describe(): string {
    return `mutex ${this.#id}, ${this.#holder.describe('locked')}`;
  }

  /** @internal */
  abandon(waiter: SyncWaiter): void {
    this.#waiters.remove(waiter);
  }

  #take(): number {
    this.#turn = ++this.#lastTurn;
    return this.#turn;
  }

  #park(site: CallSite | null, turn: number, options: WaitOptions | undefined): Promise<Guard> {
    const waiter = new SyncWaiter('sync.Mutex.Lock', this, site, turn);
    this.#waiters.push(waiter);
    return waiter.begin(options);
  }
}

/** Good for one turn: it cannot give back what somebody else has taken meanwhile. */
class MutexGuard implements Guard {
  readonly #mutex: Mutex;
  readonly #turn: number;

  constructor(mutex: Mutex, turn: number) {
    this.#mutex = mutex;
    this.#turn = turn;
  }

  release(): void {
    if (this.#mutex.holds(this.#turn)) this.#mutex.unlock();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
