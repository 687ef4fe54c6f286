import { OP_ACCEPT, OP_RECV, type Op } from '../driver.ts';
import { EAGAIN } from '../errno.ts';
import { copyBytes, copyOf, DIRECT_SIZE, SMALLEST_RECEIVE } from '../limits.ts';
import { Descriptor } from './descriptor.ts';
import { CLOSED, MOVED } from './flags.ts';

/** What can be had of a descriptor without waiting, and what came when nobody waited. */
export abstract class Receiving extends Descriptor {
  /** Receives without waiting: the count, 0 at the end, or a negated errno. `p` is not empty. */
  receiveNow(p: Uint8Array): number {
    const inbound = this.inbound;
    if (inbound !== null) {
      const count = Math.min(p.length, inbound.length);
      copyBytes(p, inbound, 0, count);
      this.inbound = count === inbound.length ? null : inbound.subarray(count);
      return count;
    }
    const { driver, direct } = this.poller;
    if (!driver.mayBeReadable(this.slot) || this.reading.busy) return -EAGAIN;
    if (this.packets || (direct && p.length >= DIRECT_SIZE)) {
      return this.endOrReset(driver.tryReceiveInto(this.slot, p, 0, p.length));
    }
    const received = driver.tryReceive(this.slot, Math.max(p.length, SMALLEST_RECEIVE));
    return received > 0 ? this.deliver(p, driver.receivedAt, received) : this.endOrReset(received);
  }

  /** Moves received bytes from the driver's slab to the reader; what does not fit is kept for the next one. */
  deliver(p: Uint8Array, offset: number, received: number): number {
    const slab = this.poller.driver.slab;
    const count = Math.min(received, p.length);
    copyBytes(p, slab, offset, count);
    if (count < received) this.keepInbound(copyOf(slab, offset + count, offset + received));
    return count;
  }

  hasSomethingToRead(): boolean {
    if (this.inbound !== null) return true;
    const driver = this.poller.driver;
    return driver.mayBeReadable(this.slot) && !this.reading.busy && driver.peek(this.slot) !== -EAGAIN;
  }

  get mayBeReadable(): boolean {
    return this.poller.driver.mayBeReadable(this.slot);
  }

  /** Accepts without waiting: a slot, or a negated errno. */
  acceptNow(): number {
    const kept = this.rare?.accepted?.shift();
    if (kept !== undefined) return kept;
    const driver = this.poller.driver;
    return driver.mayBeReadable(this.slot) ? driver.tryAccept(this.slot) : -EAGAIN;
  }

  /** A completion whose caller has gone, or never was: its bytes or its connection are the next caller's. */
  keep(op: Op, result: number, offset: number): void {
    if (op === OP_RECV && result > 0) {
      const slab = this.poller.driver.slab;
      this.keepInbound(copyOf(slab, offset, offset + result));
    } else if (op === OP_RECV && result < 0) {
      this.some.failed = -result;
    } else if (op === OP_ACCEPT && result >= 0) {
      if (this.closed) this.poller.driver.close(result);
      else {
        const rare = this.some;
        rare.accepted ??= [];
        rare.accepted.push(result);
      }
    }
  }

  /** How much waits here inbound: beyond a bound a multishot operation must stop. */
  get kept(): number {
    return this.inbound?.length ?? this.rare?.accepted?.length ?? 0;
  }

  /** The first `count` bytes of `inbound` went another way. */
  consumeInbound(count: number): void {
    const inbound = this.inbound!;
    this.inbound = count === inbound.length ? null : inbound.subarray(count);
  }

  protected keepInbound(bytes: Uint8Array): void {
    if ((this.flags & (CLOSED | MOVED)) === CLOSED) return;
    if (this.inbound === null) {
      this.inbound = bytes;
      return;
    }
    const both = new Uint8Array(this.inbound.length + bytes.length);
    both.set(this.inbound);
    both.set(bytes, this.inbound.length);
    this.inbound = both;
  }
}
