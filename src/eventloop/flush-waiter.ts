import type { LinkBuffer } from '../linkbuffer/index.ts';
import { OP_DRAIN, OP_WRITABLE, type Op } from '../poll/driver.ts';
import { EAGAIN, FAILED_NOT, type Failure, type FD } from '../poll/index.ts';
import { DIRECT_SIZE, OUTBOUND_BOUND } from '../poll/limits.ts';
import { Waiter } from '../poll/waiters/waiter.ts';

/** At most so many blocks go with one system call. */
const MOST_VECTORS = 64;

/** Whose output it is. */
export interface Sender {
  /** The buffer has been sent as far as it was flushed: null. Or it will not be, and this is why. */
  sent(failure: unknown): void;
}

/** Views for one system call; empty in between. */
const vectors: Uint8Array[] = [];

/** Copies what is flushed into the chain of the slot, if all of it finds room there. */
export function stageAll(fd: FD, output: LinkBuffer): boolean {
  const { driver } = fd.poller;
  if (driver.outboundLength(fd.slot) + output.len > OUTBOUND_BOUND) return false;
  // Almost always.
  const whole = output.whole();
  if (whole !== null) {
    driver.stage(fd.slot, whole, 0, whole.length);
    output.consume(whole.length);
    return true;
  }
  const count = output.vectors(vectors, MOST_VECTORS);
  if (count < output.len) {
    vectors.length = 0;
    return false;
  }
  for (const part of vectors) driver.stage(fd.slot, part, 0, part.length);
  vectors.length = 0;
  output.consume(count);
  return true;
}

/** A parked `flush` of a connection: small output goes into the chain, large output straight to the kernel. */
export class FlushWaiter extends Waiter {
  declare resolve: () => void;
  /** Until it is parked there is nobody to tell. */
  override reject: (reason: unknown) => void = () => {};
  readonly #output: LinkBuffer;
  readonly #sender: Sender;
  readonly #direct: boolean;
  settled = false;

  constructor(fd: FD, output: LinkBuffer, sender: Sender) {
    super();
    this.#output = output;
    this.#sender = sender;
    this.#direct = fd.poller.driver.capabilities.has('direct');
  }

  attempt(fd: FD): boolean {
    const failure = fd.takeWriteFailure();
    if (failure !== FAILED_NOT) {
      this.fail(fd, failure);
      return true;
    }
    return this.#go(fd);
  }

  submit(fd: FD): Op {
    const { poller, slot } = fd;
    if (this.#direct && poller.driver.outboundLength(slot) === 0) {
      poller.driver.writable(slot);
      return OP_WRITABLE;
    }
    poller.driver.drain(slot, this.#direct || fd.strict ? 0 : OUTBOUND_BOUND / 2);
    return OP_DRAIN;
  }

  completed(fd: FD, result: number): boolean {
    if (result >= 0) return this.#go(fd);
    const failure = fd.takeWriteFailure();
    this.fail(fd, failure === FAILED_NOT ? -result : failure);
    return true;
  }

  override get operation(): string {
    return 'flush';
  }

  fail(fd: FD, failure: Failure): void {
    this.settled = true;
    const error = fd.owner.error('flush', failure, fd.takeUnsent());
    this.reject(error);
    this.#sender.sent(error);
  }

  override abandon(_fd: FD, reason: unknown): void {
    this.settled = true;
    this.reject(reason);
    this.#sender.sent(reason);
  }

  /** As far as it goes without waiting. True: settled. */
  #go(fd: FD): boolean {
    const output = this.#output;
    const { poller, slot } = fd;
    const { driver } = poller;
    while (output.len > 0) {
      if (this.#direct && output.len >= DIRECT_SIZE) {
        driver.flushNow(slot);
        if (driver.outboundLength(slot) > 0) return false;
        output.vectors(vectors, MOST_VECTORS);
        const count = driver.trySendVector(slot, vectors, 0, 0);
        vectors.length = 0;
        if (count === -EAGAIN) return false;
        if (count < 0) {
          fd.faulted(-count, output.len);
          this.fail(fd, fd.takeWriteFailure());
          return true;
        }
        output.consume(count);
      } else if (!stageAll(fd, output) && !this.#stageSome(fd)) {
        return false;
      }
    }
    if (fd.strict) {
      driver.flushNow(slot);
      if (driver.outboundLength(slot) > 0) return false;
    }
    this.settled = true;
    this.resolve();
    this.#sender.sent(null);
    return true;
  }

  /** As much as the chain has room for. False: it has none. */
  #stageSome(fd: FD): boolean {
    const { driver } = fd.poller;
    const room = OUTBOUND_BOUND - driver.outboundLength(fd.slot);
    if (room <= 0) return false;
    this.#output.vectors(vectors, 1);
    const first = vectors[0]!;
    vectors.length = 0;
    const count = Math.min(room, first.length);
    driver.stage(fd.slot, first, 0, count);
    this.#output.consume(count);
    return true;
  }
}
