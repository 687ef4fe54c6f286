import { OP_DRAIN, OP_WRITABLE, type Op } from '../driver.ts';
import { EAGAIN, FAILED_DETACHED, FAILED_NOT, type Failure } from '../errno.ts';
import type { Descriptor } from '../fd/descriptor.ts';
import type { FD } from '../fd/fd.ts';
import { DIRECT_SIZE, OUTBOUND_BOUND } from '../limits.ts';
import { failedNow, lowWater } from './sending.ts';
import { Waiter } from './waiter.ts';

/** To copy so few bytes is cheaper than to hand a buffer of its own to the kernel. */
const SMALL = 512;
const LARGEST_RUN = 64 * 1024;

/** The same bytes, with neighbours that are small put together. */
function gathered(buffers: readonly Uint8Array[]): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let i = 0; i < buffers.length; ) {
    let end = i;
    let length = 0;
    while (end < buffers.length && buffers[end]!.length < SMALL && length < LARGEST_RUN)
      length += buffers[end++]!.length;
    if (end - i < 2) {
      found.push(buffers[i++]!);
      continue;
    }
    const run = new Uint8Array(length);
    for (let at = 0; i < end; at += buffers[i++]!.length) run.set(buffers[i]!, at);
    found.push(run);
  }
  return found;
}

/** A parked `writev`: everything of all buffers goes, in order, before the next write has its turn. */
export class VectorWaiter extends Waiter {
  declare resolve: (value: number) => void;
  readonly #buffers: readonly Uint8Array[];
  readonly #length: number;
  /** Bytes that the chain or the kernel has: all before `#first`, and of that one `#from`. */
  #written = 0;
  #first = 0;
  #from = 0;
  /** Straight from the callers' memory, once nothing is outbound. */
  readonly #direct: boolean;
  readonly #strict: boolean;

  /** `buffers` is the waiter's own array. */
  constructor(fd: Descriptor, buffers: readonly Uint8Array[], length: number) {
    super();
    this.#length = length;
    this.#direct = length >= DIRECT_SIZE && fd.poller.driver.capabilities.has('direct');
    this.#buffers = this.#direct ? gathered(buffers) : buffers;
    this.#strict = fd.strict;
  }

  attempt(fd: FD): boolean {
    const failure = fd.takeWriteFailure();
    if (failure === FAILED_NOT) return this.go(fd);
    this.fail(fd, failure);
    return true;
  }

  submit(fd: FD): Op {
    const { poller, slot } = fd;
    const left = this.#length - this.#written;
    if (this.#direct && left > 0 && poller.driver.outboundLength(slot) === 0) {
      poller.driver.writable(slot);
      return OP_WRITABLE;
    }
    poller.driver.drain(slot, this.#direct ? 0 : lowWater(left));
    return OP_DRAIN;
  }

  completed(fd: FD, result: number): boolean {
    if (result >= 0 && this.#strict && this.#written === this.#length) {
      this.resolve(this.#length);
      return true;
    }
    if (result >= 0) return this.go(fd);
    return failedNow(fd, this, result);
  }

  override get operation(): string {
    return 'writev';
  }

  fail(fd: FD, failure: Failure): void {
    this.reject(fd.owner.error('write', failure, { bytesWritten: this.#written, ...fd.takeUnsent() }));
  }

  override abandon(fd: FD, reason: unknown): void {
    this.reject(fd.owner.aborted(reason, this.#written));
  }

  private go(fd: FD): boolean {
    if (this.left() !== this.#length - this.#written) {
      this.fail(fd, FAILED_DETACHED);
      return true;
    }
    if (!(this.#direct ? this.send(fd) : this.stage(fd))) return false;
    this.resolve(this.#length);
    return true;
  }

  /** What the buffers still have. Fewer bytes than should be there: one was transferred away. */
  private left(): number {
    let left = -this.#from;
    for (let i = this.#first; i < this.#buffers.length; i++) left += this.#buffers[i]!.length;
    return left;
  }

  private send(fd: FD): boolean {
    const { poller, slot } = fd;
    const { driver } = poller;
    driver.flushNow(slot);
    if (driver.outboundLength(slot) > 0) return false;
    while (this.#written < this.#length) {
      const sent = driver.trySendVector(slot, this.#buffers, this.#first, this.#from);
      if (sent === -EAGAIN) return false;
      if (sent < 0) {
        fd.faulted(-sent, 0);
        this.fail(fd, fd.takeWriteFailure());
        return true;
      }
      this.advance(sent);
    }
    return true;
  }

  private stage(fd: FD): boolean {
    const { driver } = fd.poller;
    const room = OUTBOUND_BOUND - driver.outboundLength(fd.slot);
    const left = this.#length - this.#written;
    // As with a single write: a small one goes in whole or not at all yet, a large one piece by piece.
    if (left <= room || this.#length > OUTBOUND_BOUND) {
      for (let most = Math.min(left, room); most > 0; ) {
        const buffer = this.#buffers[this.#first]!;
        const count = Math.min(most, buffer.length - this.#from);
        if (count > 0) driver.stage(fd.slot, buffer, this.#from, this.#from + count);
        this.advance(count);
        most -= count;
      }
    }
    // The strict form settles by way of the driver: a fault of this very flush comes before its completion.
    return this.#written === this.#length && !this.#strict;
  }

  private advance(count: number): void {
    this.#written += count;
    this.#from += count;
    for (;;) {
      const length = this.#buffers[this.#first]?.length ?? Number.POSITIVE_INFINITY;
      if (this.#from < length) return;
      this.#from -= length;
      this.#first++;
    }
  }
}
