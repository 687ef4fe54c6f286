import { checkCount } from '../io/arguments.ts';
import { NoProgressError } from '../io/index.ts';
import { resolvedVoid } from '../io/resolved.ts';
import type { LinkBuffer, LinkOwner } from '../linkbuffer/index.ts';
import type { CallOptions } from '../net/conn.ts';
import type { Op } from '../poll/driver.ts';
import { OP_FETCH } from '../poll/driver.ts';
import { EAGAIN, FAILED_DEADLINE } from '../poll/index.ts';
import { nextTurn } from '../runtime/budget.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { onAbort, signalFault } from '../runtime/signal.ts';
import { timers } from '../runtime/timers.ts';
import { ConnectionBase } from './connection-base.ts';
import {
  ARRIVING,
  BROKEN,
  ENDED,
  FULL,
  LARGEST_EXPONENT,
  LARGEST_SHARED,
  LIMITED,
  MOVED,
  NEW,
  PAUSED,
  SHUT,
  SIZE_BITS,
  SIZE_SHIFT,
  SLACK,
  SMALLEST_READ,
} from './flags.ts';
import { ReadTimer } from './read-timer.ts';
import { giveBuffer, takeBuffer } from './spare.ts';
import { IDLE } from './states.ts';

/** The receiving part of a connection: from the driver to the buffer, below the marks, and to who waits. */
export abstract class Receiving extends ConnectionBase implements LinkOwner {
  /**
   * The handler is not called before `n` bytes are there (or the end): for a message whose length is known by now. The
   * high-water mark is lifted for as long as needed. Counts for the next call only.
   */
  expect(n: number): void {
    checkCount(n, 'n', 0);
    this.some.expected = n;
    if (n > 0) this.relax();
  }

  /** @internal As much as `n` bytes may be received until the next call of the handler, whatever the mark says. */
  allow(n: number): void {
    if (n <= this.host.limits.readHighWater) return;
    this.some.allowed = n;
    this.relax();
  }

  /** Nothing is received until `resume`: bytes stay in the kernel, and the peer has to wait in the end. */
  pause(): void {
    this.flags |= PAUSED;
    this.interest();
  }

  resume(): void {
    this.flags &= ~PAUSED;
    this.interest();
  }

  get paused(): boolean {
    return (this.flags & PAUSED) !== 0;
  }

  /** @internal */
  streamed(op: Op, result: number, offset: number): void {
    if (this.flags & SHUT) {
      if (this.flags & MOVED && op !== OP_FETCH) this.cameLate(result, offset);
      return;
    }
    if (op === OP_FETCH) {
      this.fetch();
      return;
    }
    if (result <= 0) {
      this.endReading(result);
      return;
    }
    const { driver } = this.host.poller;
    const input = this.attach();
    this.flags |= ARRIVING;
    input.lend(driver.slab, offset, offset + result);
    this.flags &= ~ARRIVING;
    this.adapt(result);
    this.took();
  }

  /** What had been received before the stream was switched off: the next owner's. The end it sees itself. */
  private cameLate(result: number, offset: number): void {
    const { slab } = this.host.poller.driver;
    if (result > 0) {
      const rare = this.some;
      rare.late ??= [];
      rare.late.push(new Uint8Array(slab.subarray(offset, offset + result)));
    } else if (result < 0) this.some.lateFailure = -result;
  }

  /** @internal Of one that has just been accepted: what it brought along is taken within the round that accepted it. */
  look(): void {
    if (this.flags & (SHUT | PAUSED | FULL | ENDED)) return;
    if (this.host.poller.driver.mayBeReadable(this.fd.slot)) this.fetch();
  }

  protected fetch(): void {
    const { driver } = this.host.poller;
    const input = this.attach();
    const p = input.reserve(this.readSize);
    const count = driver.tryReceiveInto(this.fd.slot, p, 0, p.length);
    this.flags |= ARRIVING;
    input.commit(Math.max(0, count));
    this.flags &= ~ARRIVING;
    if (count === -EAGAIN) {
      this.settle();
      return;
    }
    if (count <= 0) {
      this.endReading(count);
      return;
    }
    this.adapt(count);
    this.took();
  }

  protected took(): void {
    this.flags |= NEW;
    this.touch();
    if (this.phase === IDLE) this.kick();
    this.settle();
  }

  /** What the handler has left moves to memory of ours, before the driver's is somebody else's. */
  protected settle(): void {
    const input = this.input;
    if (input === null) return;
    if (input.len > 0) input.settleLent();
    this.tidy();
  }

  /** Gives back what is empty, and stops receiving above the mark. */
  protected tidy(): void {
    const input = this.input;
    if (input === null || this.flags & SHUT) return;
    if (input.len === 0 && this.phase === IDLE && !(this.flags & ENDED) && input.idle) {
      this.input = null;
      giveBuffer(input);
      if (this.flags & FULL) this.unfill();
      return;
    }
    if (this.flags & (FULL | ENDED)) return;
    if (this.fits(input)) return;
    this.flags |= FULL;
    this.interest();
    input.notifyAt(this.lowMark(input));
    // Whoever has seen it all and took nothing will never take anything.
    if (this.phase === IDLE) this.kick();
  }

  /** Whether another receive, perhaps a smaller one, stays below the mark. */
  protected fits(input: LinkBuffer): boolean {
    const room = this.mark(input) - input.heldLength;
    if (this.readSize <= room) return true;
    if (room < SMALLEST_READ) return false;
    let exponent = (this.flags & SIZE_BITS) >> SIZE_SHIFT;
    while (SMALLEST_READ << exponent > room) exponent--;
    this.resize(exponent);
    return true;
  }

  protected mark(input: LinkBuffer): number {
    const wanted = Math.max(input.needed, this.rare?.expected ?? 0);
    const readHighWater = Math.max(this.host.limits.readHighWater, this.rare?.allowed ?? 0);
    // What a call waits for must come in, beside what it has not released.
    return wanted === 0 ? readHighWater : Math.max(readHighWater, wanted + SMALLEST_READ);
  }

  protected lowMark(input: LinkBuffer): number {
    const { readLowWater, readHighWater } = this.host.limits;
    return Math.max(0, readLowWater + this.mark(input) - readHighWater);
  }

  protected unfill(): void {
    this.flags &= ~FULL;
    this.interest();
  }

  /** More is wanted than before. */
  protected relax(): void {
    const input = this.input;
    if (input === null || !(this.flags & FULL)) return;
    if (this.fits(input)) {
      input.notifyAt(-1);
      this.unfill();
    }
  }

  /** @internal LinkOwner: held bytes have fallen to the low mark. */
  drained(): void {
    if (this.flags & FULL) this.unfill();
  }

  /** @internal LinkOwner: a reading call waits. */
  need(): void {
    const input = this.input!;
    this.relax();
    if (this.flags & FULL) {
      throw new NoProgressError(
        `${input.heldLength - input.len} bytes are lent and not released: above readHighWater nothing more is received`,
      );
    }
    // The same call waits on, with another need.
    if (this.flags & ARRIVING) return;
    const { readTimeout } = this.host.limits;
    const deadline = this.flags & LIMITED ? this.rare!.readDeadline : 0;
    const timeout = readTimeout === 0 ? 0 : now() + readTimeout;
    if (deadline !== 0 || timeout !== 0) this.armRead(deadline, timeout);
    else this.disarmRead();
  }

  /** @internal LinkOwner */
  flushed(): Promise<void> {
    return resolvedVoid;
  }

  /** @internal LinkOwner: `what` is the call, and how far it has got. */
  describeWait(what: string): string {
    const [call, ...progress] = what.split(', ');
    const ends = `${this.host.family.network} ${this.localAddr}->${this.remoteAddr}`;
    return [`${call} ${ends}`, ...progress].join(', ');
  }

  /** @internal LinkOwner */
  closedError(): Error {
    return this.gone('read');
  }

  protected endReading(result: number): void {
    const ended = result === 0 ? this.fd.endOrReset(0) : result;
    this.flags |= ENDED;
    if (ended < 0) {
      this.flags |= BROKEN;
      this.some.broke = -ended;
    }
    this.interest();
    const input = this.input;
    if (input !== null) {
      if (input.len > 0) this.flags |= NEW;
      input.end(this.ending());
    }
    this.tellDisconnect();
    this.kick();
  }

  /** Reads grow while they are filled, and shrink when they are not, twice in a row: the end of a message may come late. */
  protected adapt(count: number): void {
    const exponent = (this.flags & SIZE_BITS) >> SIZE_SHIFT;
    const size = SMALLEST_READ << exponent;
    if (exponent === 0 || count * 4 > size) {
      this.flags &= ~SLACK;
      if (count < size) return;
      const { driver } = this.host.poller;
      const most = driver.capabilities.has('direct') ? LARGEST_EXPONENT : LARGEST_SHARED;
      if (exponent < most && size * 2 <= this.host.limits.readHighWater) this.resize(exponent + 1);
    } else if (this.flags & SLACK) {
      this.flags &= ~SLACK;
      this.resize(exponent - 1);
    } else {
      this.flags |= SLACK;
    }
  }

  protected resize(exponent: number): void {
    this.flags = (this.flags & ~SIZE_BITS) | (exponent << SIZE_SHIFT);
    this.interest();
  }

  protected get arrived(): LinkBuffer | null {
    return this.input;
  }

  protected incoming(): LinkBuffer {
    const flags = this.flags;
    if (flags & (SHUT | LIMITED)) {
      if (flags & SHUT) throw this.closedError();
      if (this.rare!.readDeadline <= now()) throw this.error('read', FAILED_DEADLINE);
    }
    return this.attach();
  }

  protected attach(): LinkBuffer {
    if (this.input === null) {
      this.input = takeBuffer(this);
      if (this.flags & ENDED) this.input.end(this.ending());
    }
    return this.input;
  }

  /** As every `Conn` reads: reads queue behind reads, though not behind the other calls of the reading side. */
  override read(p: Uint8Array, options?: CallOptions): Promise<number | null> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const fault = signalFault(signal);
    if (fault !== null) return Promise.reject(fault);
    const before = this.rare?.reading ?? null;
    if (before === null) {
      const reading = this.readNow(p, signal);
      if (this.input !== null && this.input.needed > 0) this.lastRead(reading);
      return reading;
    }
    const turn = behind(before, signal, () => this.readNow(p, signal));
    this.lastRead(before.then(() => turn));
    return turn;
  }

  protected readNow(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    const reading = super.read(p);
    const input = this.input;
    if (signal === undefined || input === null || input.needed === 0) return reading;
    const link = { handleEvent: () => input.fail(abortReason(signal)) };
    onAbort(signal, link);
    const settled = () => signal.removeEventListener('abort', link);
    reading.then(settled, settled);
    return reading;
  }

  /** The read that the next one queues behind, until it has settled. */
  protected lastRead(reading: Promise<unknown>): void {
    const rare = this.some;
    const last = reading.then(
      () => {},
      () => {},
    );
    rare.reading = last;
    last.then(() => {
      if (rare.reading === last) rare.reading = null;
    });
  }

  protected armRead(deadline: number, timeout: number): void {
    const when = deadline === 0 ? timeout : timeout === 0 ? deadline : Math.min(deadline, timeout);
    const rare = this.some;
    rare.timer ??= new ReadTimer(this);
    rare.timer.due = when;
    timers.set(rare.timer, when);
  }

  /** @internal A reading call has waited for long enough. */
  readTimedOut(): void {
    const input = this.input;
    if (input === null || input.needed === 0) return;
    // A stalled loop may be late, not the peer: what is there by now still counts.
    if (this.host.poller.lookOnce()) this.strikeRead();
    else nextTurn().then(() => this.strikeRead());
  }

  protected disarmRead(): void {
    const timer = this.rare?.timer ?? null;
    if (timer === null) return;
    timer.due = Number.POSITIVE_INFINITY;
    timers.delete(timer);
  }

  /** Unless another time has been set meanwhile, or another call waits. */
  protected strikeRead(): void {
    if (this.rare!.timer!.due <= now()) this.failRead();
  }

  protected failRead(): void {
    const input = this.input;
    if (input !== null && input.needed > 0) input.fail(this.error('read', FAILED_DEADLINE));
  }
}

/** Runs `call` once `before` has settled, unless the signal fires first: then it rejects at once. */
function behind<T>(
  before: Promise<void>,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return before.then(call);
  return new Promise((resolve, reject) => {
    let gone = false;
    const link = {
      handleEvent(): void {
        gone = true;
        reject(abortReason(signal));
      },
    };
    onAbort(signal, link);
    before.then(() => {
      signal.removeEventListener('abort', link);
      if (!gone) resolve(call());
    });
  });
}
