import { now } from '../../runtime/clock.ts';
import { type Parked, park } from '../../runtime/park.ts';
import {
  ECANCELED,
  FAILED_CLOSED,
  FAILED_DEADLINE,
  FAILED_NOT,
  FAILED_UNSENT,
  type Failure,
} from '../errno.ts';
import { CloseWaiter, DrainWaiter } from '../waiters/write.ts';
import { CLOSED, DESTROYED, DISCARD, MOVED, READ_SHUT, SHUTTING, WRITE_SHUT } from './flags.ts';
import { Writing } from './writing.ts';

/** How a descriptor ends: one direction, then both; with what is outbound, or without. */
export abstract class Closing extends Writing {
  /** Any number of times: it happens once. */
  closeWrite(): Promise<void> {
    if (this.closed) return Promise.reject(this.owner.error('close', this.closure));
    const rare = this.some;
    this.flags |= SHUTTING;
    // Whom the deadline strikes while the chain drains may try again.
    const failed = (error: unknown) => {
      rare.closeWrite = null;
      throw error;
    };
    rare.closeWrite ??= this.writer
      .attemptOrPark(new DrainWaiter('close'), undefined)
      .catch(failed)
      .then(() => this.shutdown('write', WRITE_SHUT));
    return rare.closeWrite;
  }

  closeRead(): Promise<void> {
    if (this.closed) return Promise.reject(this.owner.error('close', this.closure));
    const rare = this.some;
    rare.closeRead ??= this.shutdown('read', READ_SHUT);
    return rare.closeRead;
  }

  private async shutdown(how: 'read' | 'write', flag: number): Promise<void> {
    if (this.closed) throw this.owner.error('close', this.closure);
    this.flags |= flag;
    const result = await new Promise<number>((resolve) => {
      const rare = this.some;
      rare.shutdowns ??= [];
      rare.shutdowns.push(resolve);
      this.poller.driver.shutdown(this.slot, how);
    });
    if (result < 0 && result !== -ECANCELED) throw this.owner.error('close', -result);
  }

  protected shutdownCompleted(result: number): void {
    this.some.shutdowns!.shift()!(result);
  }

  /**
   * Fails new calls, wakes everybody, hands the chain to the kernel and waits at most `timeout` ms for it to take
   * the rest. Resolves when the descriptor is closed.
   */
  close(timeout: number): Promise<void> {
    if (this.closed) return Promise.reject(this.owner.error('close', this.closure));
    const closing = { resolve: () => {}, reject: () => {} } as Parked<void>;
    const promise = park<void>(closing);
    this.closeFor(closing, timeout);
    return promise;
  }

  /** The same for who is told by two calls, not by a promise. Of a descriptor that is not closed. */
  closeFor(closing: Parked<void>, timeout: number): void {
    const driver = this.poller.driver;
    const deadline = this.writing?.deadline ?? 0;
    this.wakeAll();
    this.some.closing = closing;
    driver.hold();
    if (this.flags & DISCARD) {
      this.destroy();
      return;
    }
    driver.flushNow(this.slot);
    if (driver.outboundLength(this.slot) === 0) {
      this.destroy();
      return;
    }
    const until = now() + timeout;
    this.writer.setDeadline(deadline === 0 ? until : Math.min(deadline, until));
    this.writer.park<Failure>(new CloseWaiter(), undefined).then((failure) => {
      if (this.flags & DESTROYED) return;
      if (failure !== FAILED_NOT) this.some.unsent = driver.outboundLength(this.slot);
      this.destroy();
    });
    if (this.writer.expired) this.writer.failAll(FAILED_DEADLINE);
  }

  /** Closes at once, and flushes nothing. After `close` it cuts that one short. */
  closeNow(): void {
    if (this.flags & (DESTROYED | MOVED)) return;
    if (this.closed) this.some.unsent = this.poller.driver.outboundLength(this.slot);
    this.wakeAll();
    this.destroy();
  }

  private wakeAll(): void {
    this.flags |= CLOSED;
    this.reading.failAll(FAILED_CLOSED);
    this.writing?.failAll(FAILED_CLOSED);
    for (const slot of this.rare?.accepted?.splice(0) ?? []) this.poller.driver.close(slot);
    this.inbound = null;
  }

  protected destroy(): void {
    this.flags |= DESTROYED;
    this.reading.disarm();
    this.writing?.disarm();
    this.poller.driver.close(this.slot);
  }

  protected closeCompleted(result: number): void {
    const rare = this.rare;
    const closing = rare?.closing;
    if (rare === null || closing === null || closing === undefined) return;
    rare.closing = null;
    this.poller.driver.release();
    const unsent = this.takeUnsent();
    if (rare.unsent > 0) {
      closing.reject(this.owner.error('close', FAILED_UNSENT, { bytesUnsent: rare.unsent }));
    } else if (unsent.bytesUnsent !== undefined) {
      closing.reject(this.owner.error('close', rare.fault!.errno, unsent));
    } else if (result < 0) {
      closing.reject(this.owner.error('close', -result));
    } else {
      closing.resolve();
    }
  }
}
