import { now } from '../../runtime/clock.ts';
import { FAILED_MOVED } from '../errno.ts';
import { OUTBOUND_BOUND } from '../limits.ts';
import { Closing } from './closing.ts';
import { CLOSED, DESTROYED, MOVED, TRAVELLING } from './flags.ts';
import { type Moved, sharedClockOffset } from './moved.ts';

/** How a descriptor changes threads, with all that belongs to it. */
export abstract class Moving extends Closing {
  /**
   * Gives the descriptor away, with all that belongs to it: new calls and whoever waits fail with FAILED_MOVED.
   * Rejects with a negated errno when that cannot be: then it is closed. Only where the driver has `leases`.
   */
  async leave(): Promise<Moved | number> {
    const { driver } = this.poller;
    this.flags |= CLOSED | MOVED;
    driver.hold();
    this.reading.failAll(FAILED_MOVED);
    this.writing?.failAll(FAILED_MOVED);
    // What is in flight comes first: a receive that was faster, a thread that still sends.
    await this.reading.whenFree();
    await this.writing?.whenFree();
    await Promise.allSettled([this.rare?.closeRead, this.rare?.closeWrite]);
    driver.flushNow(this.slot);
    // A fault of this very flush is told a little later.
    await null;
    const readDeadline = this.reading.deadline;
    const writeDeadline = this.writing?.deadline ?? 0;
    const offset = sharedClockOffset(now());
    const leases = driver.leases!;
    const outbound = leases.takeOutbound(this.slot);
    const received = leases.takeInbound(this.slot);
    if (received !== null) this.keepInbound(received);
    const failed = leases.takeError(this.slot) || (this.rare?.failed ?? 0);
    const lease = leases.lease(this.slot);
    driver.release();
    if (typeof lease === 'number') {
      this.destroy();
      return lease;
    }
    this.flags |= DESTROYED;
    this.reading.disarm();
    this.writing?.disarm();
    this.poller.remove(this);
    const inbound = this.inbound;
    this.inbound = null;
    const { fault = null } = this.rare ?? {};
    return {
      lease,
      // Copied: it may be a small part of a large memory, all of which would be cloned.
      inbound: inbound?.slice() ?? null,
      outbound,
      flags: this.flags & TRAVELLING,
      failed,
      fault: fault === null ? null : { ...fault },
      readDeadline: readDeadline === 0 ? 0 : readDeadline + offset,
      writeDeadline: writeDeadline === 0 ? 0 : writeDeadline + offset,
    };
  }

  /** Of an FD whose slot was just adopted: goes on where the other thread has left off. */
  arrive(moved: Moved): void {
    const { inbound, outbound, flags, failed, fault, readDeadline, writeDeadline } = moved;
    this.flags |= flags & TRAVELLING;
    if (inbound !== null && inbound.length > 0) this.inbound = inbound;
    if (failed !== 0) this.some.failed = failed;
    if (fault !== null) this.some.fault = { ...fault };
    if (outbound !== null && outbound.length > 0 && fault === null) {
      // In pieces: from an event loop it may be more than a driver's memory takes in one.
      for (let at = 0; at < outbound.length; at += OUTBOUND_BOUND) {
        this.poller.driver.stage(this.slot, outbound, at, Math.min(at + OUTBOUND_BOUND, outbound.length));
      }
    }
    const offset = sharedClockOffset(now());
    if (readDeadline !== 0) this.reading.setDeadline(readDeadline - offset);
    if (writeDeadline !== 0) this.writer.setDeadline(writeDeadline - offset);
  }
}
