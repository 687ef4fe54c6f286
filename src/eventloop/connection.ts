import { checkBytes, checkCount } from '../io/arguments.ts';
import { NoProgressError } from '../io/index.ts';
import { resolvedVoid } from '../io/resolved.ts';
import type { LinkBuffer, LinkReader, LinkWriter } from '../linkbuffer/index.ts';
import type { Addr } from '../net/addr.ts';
import type { CallOptions, Conn } from '../net/conn.ts';
import { instantIn, instantOf } from '../net/deadlines.ts';
import { ClosedError, OpError, operationError } from '../net/errors.ts';
import { OP_FETCH, type Op } from '../poll/driver.ts';
import {
  type Counts,
  EAGAIN,
  FAILED_DEADLINE,
  FAILED_UNSENT,
  type Failure,
  FD,
  type FDOwner,
} from '../poll/index.ts';
import { nextTurn, spend } from '../runtime/budget.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { setRunning } from '../runtime/registry.ts';
import { onAbort } from '../runtime/signal.ts';
import { originOf } from '../runtime/site.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { turnNow } from '../runtime/turns.ts';
import { WriteBufferFullError } from './errors.ts';
import { FlushWaiter, stageAll } from './flush-waiter.ts';
import { HandlerGoroutine, reportCallback } from './goroutine.ts';
import type { ConnectionCallback, Host } from './host.ts';
import { LinkFaces } from './link-faces.ts';
import { type Applicant, handlers } from './pool.ts';
import { giveBuffer, takeBuffer } from './spare.ts';
import {
  CALL,
  CLOSE,
  ENDED_OVER,
  ENDED_REST,
  ENDED_WORK,
  type Event,
  FAILED,
  FINISH,
  follow,
  IDLE,
  OPENING,
  OVER,
  type Phase,
  WORK,
} from './states.ts';

/** Something has come that the handler has not been called for. */
const NEW = 1 << 0;
/** No more bytes will come. */
const ENDED = 1 << 1;
/** Neither can any be sent: the peer has reset the connection, or the kernel has given it up. */
const BROKEN = 1 << 2;
/** `pause` was called. */
const PAUSED = 1 << 3;
/** Held bytes have reached the high-water mark. */
const FULL = 1 << 4;
/** A flush is parked. */
const SENDING = 1 << 5;
/** In the queue of the goroutine pool, or behind the poller. */
const QUEUED = 1 << 6;
/** `onDisconnect` is due, or was called. */
const TOLD = 1 << 7;
/** The descriptor is being closed, or is. */
const SHUT = 1 << 8;
/** It has a request handler of its own. */
const OWN_HANDLER = 1 << 9;
/** There is a read deadline. */
const LIMITED = 1 << 10;
/** Its close callbacks have run. */
const GONE = 1 << 11;
/** The write deadline is that of `writeTimeout`. */
const TIMED = 1 << 12;
/** Bytes are just being taken in. */
const ARRIVING = 1 << 13;

/** The bits of the receive size: the exponent over `SMALLEST_READ`. */
const SIZE_SHIFT = 16;
const SIZE_BITS = 7 << SIZE_SHIFT;
const SMALLEST_READ = 4096;
/** Up to this exponent the driver receives for many at once; beyond, straight into a block. */
const LARGEST_SHARED = 2;
const LARGEST_EXPONENT = 6;
const POLLER_SHIFT = 20;

const GOES_ON = -1;
const REST = -1;
/** So many times the write mark may wait to be sent where nobody waits for it. */
const PATIENCE = 64;
const PEER_GONE = new Set(['ECONNRESET', 'EPIPE', 'ENOTCONN', 'ETIMEDOUT']);

/** What few connections ever need: fields that the others do without. */
class Rare {
  onRequest: ConnectionCallback | null = null;
  readonly closeCallbacks: ((conn: Connection) => unknown)[] = [];
  localAddr: Addr | null = null;
  remoteAddr: Addr | null = null;
  /** Why nothing more can be read: an error. */
  ending: unknown = null;
  /** Why the event loop closed it. */
  reason: unknown = null;
  readDeadline = 0;
  timer: ReadTimer | null = null;
  /** The last of those that read and wait; it never rejects. */
  reading: Promise<void> | null = null;
  /** Of the flush that is parked. */
  sent: Promise<void> = resolvedVoid;
  /** How much must be there before the handler is called. */
  expected = 0;
}

/**
 * A connection of an event loop, accepted or dialled. CloudWeGo Netpoll: `netpoll.Connection`.
 *
 * What arrives is received as soon as it is there, up to the high-water mark, and the request handler is called with
 * it: once at a time, and again as long as it consumes something and something is left. `reader` and `writer` are the
 * two faces of its buffers: memory that they lend is valid until `release()`, at the latest until the handler has
 * returned (or its promise has settled), and what `writer` was given leaves with `flush()`. One call at a time may
 * wait in the reading side; another fails with `ConcurrentUseError`. It is a `Conn`, too, and the two ways mix.
 *
 * A half close by the peer is the end of what can be read: what the handler still writes goes out, and then the
 * connection is closed (unless `halfOpen`).
 *
 * @example
 * ```ts
 * import { EventLoop } from 'gopark/eventloop';
 * import { listen } from 'gopark/net';
 *
 * const loop = new EventLoop({
 *   onRequest(conn) {
 *     for (let line = conn.reader.tryUntil('\n'); line; line = conn.reader.tryUntil('\n')) {
 *       conn.writer.writeBinary(line);
 *     }
 *     conn.writer.flush();
 *   },
 * });
 * await loop.serve(await listen('tcp', '127.0.0.1:0'));
 * ```
 */
export class Connection extends LinkFaces implements Conn, FDOwner, Applicant {
  /** Whatever the program keeps for this connection. */
  context: unknown = undefined;
  readonly #host: Host;
  readonly #fd: FD;
  #phase: Phase = OPENING;
  #flags = 0;
  #input: LinkBuffer | null = null;
  #output: LinkBuffer | null = null;
  #rare: Rare | null = null;

  /** @internal */
  constructor(host: Host, slot: number) {
    super();
    this.#host = host;
    this.#fd = new FD(host.poller, slot, this);
    if (host.family.settings.strict) this.#fd.setStrict();
    const poller = host.balance.pick();
    this.#flags = poller << POLLER_SHIFT;
    if (poller > 0) host.poller.driver.assign(slot, poller);
    host.poller.driver.hold();
  }

  private get some(): Rare {
    this.#rare ??= new Rare();
    return this.#rare;
  }

  /** The reading face: this very object. */
  get reader(): LinkReader {
    return this;
  }

  /** The writing face: this very object. */
  get writer(): LinkWriter {
    return this;
  }

  /** Whether bytes can still be sent: it was not closed here, and it has not broken. True after a half close by the peer. */
  get isActive(): boolean {
    return (this.#flags & (SHUT | BROKEN)) === 0;
  }

  /** Whether the peer has ended its stream, or the connection has broken: nothing more will arrive. */
  get ended(): boolean {
    return (this.#flags & ENDED) !== 0;
  }

  /** How many flushed bytes wait for the peer to read; 0: the next flush need not wait. */
  get unsentLength(): number {
    return this.#output?.len ?? 0;
  }

  /** @internal */
  get fd(): FD {
    return this.#fd;
  }

  /** @internal */
  get host(): Host {
    return this.#host;
  }

  // Its life

  /** @internal Begins: with `onConnect`, or as if that had ended. */
  open(onConnect: ConnectionCallback | null): void {
    if (this.#flags & SHUT) {
      this.#step(ENDED_REST);
      return;
    }
    this.#interest();
    this.touch();
    if (onConnect === null) {
      this.#step(this.#verdict(0));
      return;
    }
    const ended = this.#run(onConnect);
    if (ended !== GOES_ON) this.#step(ended);
  }

  /**
   * Replaces the request handler of this connection, at once: bytes that wait already are given to the new one.
   * A connection without one keeps what arrives until it is read.
   */
  setOnRequest(onRequest: ConnectionCallback): void {
    if (typeof onRequest !== 'function') {
      throw new TypeError(`setOnRequest: expected a function, got ${typeof onRequest}`);
    }
    originOf(onRequest, this.setOnRequest);
    this.some.onRequest = onRequest;
    this.#flags |= OWN_HANDLER | NEW;
    this.#kick();
  }

  /**
   * Calls `callback` once, when the connection has been closed by whomever and no other callback of it runs any more:
   * the last one that was added first. On a connection that is gone already it is called at once.
   */
  addCloseCallback(callback: (conn: Connection) => unknown): void {
    if (typeof callback !== 'function') {
      throw new TypeError(`addCloseCallback: expected a function, got ${typeof callback}`);
    }
    originOf(callback, this.addCloseCallback);
    if (this.#flags & GONE) this.#closeCallback(callback);
    else this.some.closeCallbacks.push(callback);
  }

  /** Why the event loop closed the connection by itself: an error of a handler, a reset, no progress; else null. */
  get reason(): unknown {
    return this.#rare?.reason ?? null;
  }

  /**
   * The handler is not called before `n` bytes are there (or the end): for a message whose length is known by now. The
   * high-water mark is lifted for as long as needed. Counts for the next call only.
   */
  expect(n: number): void {
    checkCount(n, 'n', 0);
    this.some.expected = n;
    if (n > 0) this.#relax();
  }

  /** Nothing is received until `resume`: bytes stay in the kernel, and the peer has to wait in the end. */
  pause(): void {
    this.#flags |= PAUSED;
    this.#interest();
  }

  resume(): void {
    this.#flags &= ~PAUSED;
    this.#interest();
  }

  get paused(): boolean {
    return (this.#flags & PAUSED) !== 0;
  }

  #step(event: Event): void {
    let next = follow(this.#phase, event);
    this.#phase = next.phase;
    while (next.action === CALL) {
      const ended = this.#call();
      if (ended === GOES_ON) return;
      next = follow(this.#phase, ended);
      this.#phase = next.phase;
    }
    if (next.action === FINISH) this.#finish();
    else if (next.phase === IDLE) this.#tidy();
  }

  /** Something has changed that may be worth a call, or the end. */
  #kick(): void {
    if (this.#phase !== IDLE) return;
    const outlook = this.#outlook();
    if (outlook !== REST) this.#step(outlook);
  }

  #handler(): ConnectionCallback | null {
    return this.#flags & OWN_HANDLER ? this.#rare!.onRequest : this.#host.onRequest;
  }

  #call(): Event | typeof GOES_ON {
    this.#flags &= ~NEW;
    if (this.#rare !== null) this.#rare.expected = 0;
    return this.#run(this.#handler()!);
  }

  #run(callback: ConnectionCallback): Event | typeof GOES_ON {
    const host = this.#host;
    const unread = this.len;
    // Known before it is called only where it is likely to wait: others cost none.
    let goroutine = host.waits ? new HandlerGoroutine(callback, this, unread) : null;
    let result: unknown;
    if (goroutine !== null) setRunning(goroutine);
    try {
      result = callback(this);
    } catch (error) {
      if (goroutine !== null) setRunning(null);
      this.#failed(error);
      reportCallback(error, callback, this);
      return FAILED;
    }
    if (goroutine !== null) setRunning(null);
    if (result === undefined || typeof (result as Promise<void>)?.then !== 'function') {
      return this.#verdict(unread);
    }
    host.waits = true;
    goroutine ??= new HandlerGoroutine(callback, this, unread);
    goroutine.goOn(result instanceof Promise ? result : Promise.resolve(result));
    return GOES_ON;
  }

  /** @internal A callback that has waited is through. */
  callbackEnded(unread: number, failure: { readonly error: unknown } | null): void {
    if (failure !== null) this.#failed(failure.error);
    this.#step(failure === null ? this.#verdict(unread) : FAILED);
    this.#settle();
  }

  #failed(error: unknown): void {
    this.some.reason ??= error;
  }

  /** What follows on a callback that has ended. */
  #verdict(unread: number): Event {
    if (this.#flags & SHUT) return ENDED_REST;
    const opening = this.#phase === OPENING;
    const input = this.#input;
    if (input !== null) {
      input.release();
      if (input.len > 0 && (opening || input.len < unread)) this.#flags |= NEW;
    }
    if (opening && this.#flags & TOLD) this.#callDisconnect();
    if (this.#flags & SHUT) return ENDED_REST;
    const outlook = this.#outlook();
    if (outlook === WORK) {
      if (!spend()) return ENDED_WORK;
      // It has had its share: others first.
      this.#flags |= QUEUED;
      nextTurn().then(() => this.admitted());
      return ENDED_REST;
    }
    return outlook === OVER ? ENDED_OVER : ENDED_REST;
  }

  /** Whether there is something to call the handler for, nothing any more, or nothing yet. */
  #outlook(): typeof WORK | typeof OVER | typeof REST {
    const flags = this.#flags;
    if (this.#handler() === null) return REST;
    const input = this.#input;
    const unread = input === null ? 0 : input.len;
    // What was flushed goes out first: a peer that does not read its answers asks nothing more, either.
    if (flags & (SENDING | QUEUED) && !(flags & BROKEN)) return REST;
    if (unread > 0 && flags & NEW) {
      if (this.#rare === null || unread >= this.#rare.expected || flags & ENDED) {
        if (!this.#host.waits || !handlers.full) return WORK;
        this.#flags |= QUEUED;
        handlers.enqueue(this);
        return REST;
      }
    }
    if (flags & BROKEN || (flags & ENDED && !this.#host.limits.halfOpen)) return OVER;
    if (this.#host.stopping && unread === 0) return OVER;
    if (flags & FULL && unread > 0 && !(flags & NEW)) {
      this.#failed(
        new NoProgressError(
          `the request handler of ${this.#host.family.network} ${this.localAddr}->${this.remoteAddr} leaves ` +
            `${unread} bytes unread, and no more will be received: see expect and readHighWater`,
        ),
      );
      return OVER;
    }
    return REST;
  }

  /** @internal The goroutine pool has room, or the others have had their turn. */
  admitted(): void {
    this.#flags &= ~QUEUED;
    this.#kick();
    this.#settle();
  }

  #finish(): void {
    const shut = this.#flags & SHUT;
    if (!shut) this.#shut().catch((error: unknown) => this.#reportClose(error));
    this.#flags |= GONE;
    const callbacks = this.#rare?.closeCallbacks;
    if (callbacks !== undefined) {
      for (let callback = callbacks.pop(); callback !== undefined; callback = callbacks.pop()) {
        this.#closeCallback(callback);
      }
    }
    this.#host.balance.left((this.#flags >>> POLLER_SHIFT) & 63);
    this.#host.left(this);
  }

  #closeCallback(callback: (conn: Connection) => unknown): void {
    try {
      const result: unknown = callback(this);
      if (result instanceof Promise) result.catch((error: unknown) => reportCallback(error, callback, this));
    } catch (error) {
      reportCallback(error, callback, this);
    }
  }

  #reportClose(error: unknown): void {
    if (error instanceof OpError && PEER_GONE.has(error.code)) return;
    reportCallback(error, this.#handler() ?? this.close, this);
  }

  #tellDisconnect(): void {
    if (this.#flags & (TOLD | SHUT)) return;
    this.#flags |= TOLD;
    // Not beside onConnect, whose work it may undo.
    if (this.#phase !== OPENING) this.#callDisconnect();
  }

  #callDisconnect(): void {
    const { onDisconnect } = this.#host;
    if (onDisconnect !== null) this.#closeCallback(onDisconnect);
  }

  // What the driver tells

  /** @internal */
  streamed(op: Op, result: number, offset: number): void {
    if (this.#flags & SHUT) return;
    if (op === OP_FETCH) {
      this.#fetch();
      return;
    }
    if (result <= 0) {
      this.#end(result);
      return;
    }
    const { driver } = this.#host.poller;
    const input = this.#attach();
    this.#flags |= ARRIVING;
    input.lend(driver.slab, offset, offset + result);
    this.#flags &= ~ARRIVING;
    this.#adapt(result);
    this.#arrived();
  }

  #fetch(): void {
    const { driver } = this.#host.poller;
    const input = this.#attach();
    const p = input.reserve(this.#readSize);
    const count = driver.tryReceiveInto(this.#fd.slot, p, 0, p.length);
    this.#flags |= ARRIVING;
    input.commit(Math.max(0, count));
    this.#flags &= ~ARRIVING;
    if (count === -EAGAIN) {
      this.#settle();
      return;
    }
    if (count <= 0) {
      this.#end(count);
      return;
    }
    this.#adapt(count);
    this.#arrived();
  }

  #arrived(): void {
    this.#flags |= NEW;
    this.touch();
    if (this.#phase === IDLE) this.#kick();
    this.#settle();
  }

  /** What the handler has left moves to memory of ours, before the driver's is somebody else's. */
  #settle(): void {
    const input = this.#input;
    if (input === null) return;
    if (input.len > 0) input.settleLent();
    this.#tidy();
  }

  /** Gives back what is empty, and stops receiving above the mark. */
  #tidy(): void {
    const input = this.#input;
    if (input === null || this.#flags & SHUT) return;
    if (input.len === 0 && this.#phase === IDLE && !(this.#flags & ENDED) && input.idle) {
      this.#input = null;
      giveBuffer(input);
      if (this.#flags & FULL) this.#unfill();
      return;
    }
    if (this.#flags & (FULL | ENDED)) return;
    if (this.#fits(input)) return;
    this.#flags |= FULL;
    this.#interest();
    input.notifyAt(this.#lowMark(input));
    // Whoever has seen it all and took nothing will never take anything.
    if (this.#phase === IDLE) this.#kick();
  }

  /** Whether another receive, perhaps a smaller one, stays below the mark. */
  #fits(input: LinkBuffer): boolean {
    const room = this.#mark(input) - input.heldLength;
    if (this.#readSize <= room) return true;
    if (room < SMALLEST_READ) return false;
    let exponent = (this.#flags & SIZE_BITS) >> SIZE_SHIFT;
    while (SMALLEST_READ << exponent > room) exponent--;
    this.#resize(exponent);
    return true;
  }

  #mark(input: LinkBuffer): number {
    const wanted = Math.max(input.needed, this.#rare?.expected ?? 0);
    const { readHighWater } = this.#host.limits;
    // What a call waits for must come in, beside what it has not released.
    return wanted === 0 ? readHighWater : Math.max(readHighWater, wanted + SMALLEST_READ);
  }

  #lowMark(input: LinkBuffer): number {
    const { readLowWater, readHighWater } = this.#host.limits;
    return Math.max(0, readLowWater + this.#mark(input) - readHighWater);
  }

  #unfill(): void {
    this.#flags &= ~FULL;
    this.#interest();
  }

  /** More is wanted than before. */
  #relax(): void {
    const input = this.#input;
    if (input === null || !(this.#flags & FULL)) return;
    if (this.#fits(input)) {
      input.notifyAt(-1);
      this.#unfill();
    }
  }

  /** @internal LinkOwner: held bytes have fallen to the low mark. */
  drained(): void {
    if (this.#flags & FULL) this.#unfill();
  }

  /** @internal LinkOwner: a reading call waits. */
  need(): void {
    const input = this.#input!;
    this.#relax();
    if (this.#flags & FULL) {
      throw new NoProgressError(
        `${input.heldLength - input.len} bytes are lent and not released: above readHighWater nothing more is received`,
      );
    }
    // The same call waits on, with another need.
    if (this.#flags & ARRIVING) return;
    const { readTimeout } = this.#host.limits;
    const deadline = this.#flags & LIMITED ? this.#rare!.readDeadline : 0;
    const timeout = readTimeout === 0 ? 0 : now() + readTimeout;
    if (deadline !== 0 || timeout !== 0) this.#armRead(deadline, timeout);
    else this.#disarmRead();
  }

  /** @internal LinkOwner */
  flushed(): Promise<void> {
    return resolvedVoid;
  }

  /** @internal LinkOwner: `what` is the call, and how far it has got. */
  describeWait(what: string): string {
    const [call, ...progress] = what.split(', ');
    const ends = `${this.#host.family.network} ${this.localAddr}->${this.remoteAddr}`;
    return [`${call} ${ends}`, ...progress].join(', ');
  }

  /** @internal LinkOwner */
  closedError(): Error {
    return new ClosedError(this.#details('read'));
  }

  #end(result: number): void {
    const ended = result === 0 ? this.#fd.endOrReset(0) : result;
    this.#flags |= ENDED;
    if (ended < 0) {
      this.#flags |= BROKEN;
      const error = this.error('read', -ended);
      this.some.ending = error;
      this.#failed(error);
    }
    this.#interest();
    const input = this.#input;
    if (input !== null) {
      if (input.len > 0) this.#flags |= NEW;
      input.end(this.#rare?.ending ?? null);
    }
    this.#tellDisconnect();
    this.#kick();
  }

  /** @internal FDOwner: the kernel refused what was to be sent. */
  broken(errno: number): void {
    if (this.#flags & (SHUT | BROKEN)) return;
    this.#flags |= BROKEN;
    this.#failed(this.error('write', errno));
    this.#tellDisconnect();
    // Not inside the call that found it: its caller is told first.
    queueMicrotask(() => this.#kick());
  }

  /** The one place that switches receiving on and off. */
  #interest(): void {
    if (this.#flags & SHUT) return;
    const off = this.#flags & (PAUSED | FULL | ENDED);
    const size = this.#readSize;
    const wanted = off ? 0 : size > SMALLEST_READ << LARGEST_SHARED ? -1 : size;
    this.#host.poller.driver.stream(this.#fd.slot, wanted);
  }

  get #readSize(): number {
    return SMALLEST_READ << ((this.#flags & SIZE_BITS) >> SIZE_SHIFT);
  }

  /** Reads grow while they are filled, and shrink again when they are not. */
  #adapt(count: number): void {
    const exponent = (this.#flags & SIZE_BITS) >> SIZE_SHIFT;
    const size = SMALLEST_READ << exponent;
    if (count >= size) {
      const { driver } = this.#host.poller;
      const most = driver.capabilities.has('direct') ? LARGEST_EXPONENT : LARGEST_SHARED;
      if (exponent < most && size * 2 <= this.#host.limits.readHighWater) this.#resize(exponent + 1);
    } else if (exponent > 0 && count * 4 <= size) {
      this.#resize(exponent - 1);
    }
  }

  #resize(exponent: number): void {
    this.#flags = (this.#flags & ~SIZE_BITS) | (exponent << SIZE_SHIFT);
    this.#interest();
  }

  // Reading

  protected get arrived(): LinkBuffer | null {
    return this.#input;
  }

  protected incoming(): LinkBuffer {
    const flags = this.#flags;
    if (flags & (SHUT | LIMITED)) {
      if (flags & SHUT) throw this.closedError();
      if (this.#rare!.readDeadline <= now()) throw this.error('read', FAILED_DEADLINE);
    }
    return this.#attach();
  }

  #attach(): LinkBuffer {
    if (this.#input === null) {
      this.#input = takeBuffer(this);
      if (this.#flags & ENDED) this.#input.end(this.#rare?.ending ?? null);
    }
    return this.#input;
  }

  /** As every `Conn` reads: reads queue behind reads, though not behind the other calls of the reading side. */
  override read(p: Uint8Array, options?: CallOptions): Promise<number | null> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const before = this.#rare?.reading ?? null;
    if (before === null) {
      const reading = this.#readNow(p, signal);
      if (this.#input !== null && this.#input.needed > 0) this.#lastRead(reading);
      return reading;
    }
    const turn = behind(before, signal, () => this.#readNow(p, signal));
    this.#lastRead(before.then(() => turn));
    return turn;
  }

  #readNow(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    const reading = super.read(p);
    const input = this.#input;
    if (signal === undefined || input === null || input.needed === 0) return reading;
    const link = { handleEvent: () => input.fail(abortReason(signal)) };
    onAbort(signal, link);
    const settled = () => signal.removeEventListener('abort', link);
    reading.then(settled, settled);
    return reading;
  }

  /** The read that the next one queues behind, until it has settled. */
  #lastRead(reading: Promise<unknown>): void {
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

  #armRead(deadline: number, timeout: number): void {
    const when = deadline === 0 ? timeout : timeout === 0 ? deadline : Math.min(deadline, timeout);
    const rare = this.some;
    rare.timer ??= new ReadTimer(this);
    rare.timer.due = when;
    timers.set(rare.timer, when);
  }

  /** @internal A reading call has waited for long enough. */
  readTimedOut(): void {
    const input = this.#input;
    if (input === null || input.needed === 0) return;
    // A stalled loop may be late, not the peer: what is there by now still counts.
    if (this.#host.poller.lookOnce()) this.#strikeRead();
    else nextTurn().then(() => this.#strikeRead());
  }

  #disarmRead(): void {
    const timer = this.#rare?.timer ?? null;
    if (timer === null) return;
    timer.due = Number.POSITIVE_INFINITY;
    timers.delete(timer);
  }

  /** Unless another time has been set meanwhile, or another call waits. */
  #strikeRead(): void {
    if (this.#rare!.timer!.due <= now()) this.#failRead();
  }

  #failRead(): void {
    const input = this.#input;
    if (input !== null && input.needed > 0) input.fail(this.error('read', FAILED_DEADLINE));
  }

  // Writing

  protected get unsent(): LinkBuffer | null {
    return this.#output;
  }

  protected outgoing(): LinkBuffer {
    if (this.#flags & SHUT) throw new ClosedError(this.#details('write'));
    this.#output ??= takeBuffer(null);
    return this.#output;
  }

  /**
   * Sends what was written. Resolves when the kernel, or the connection's chain of at most 64 KiB, has it all: until
   * then memory that was given by reference must stay as it is. The chain leaves at the end of this round, with all
   * that others send; with nothing new to flush, it leaves now, and the promise waits for the kernel. Nobody has to wait for it: a handler that returns is
   * not called again before its answer has gone, and a failure closes the connection.
   */
  flush(): Promise<void> {
    if (this.#flags & SHUT) return refused(new ClosedError(this.#details('flush')));
    const output = this.#output;
    if (output === null) return this.#flushChain();
    const full = output.len > this.#host.limits.writeHighWater ? this.#overflow(output) : null;
    if (full !== null) return refused(full);
    output.publish();
    if (this.#flags & SENDING) return this.#host.limits.whenFull === 'wait' ? this.some.sent : resolvedVoid;
    return this.#send(output);
  }

  /** What was written before leaves now; resolves when the kernel has it. */
  #flushChain(): Promise<void> {
    const fd = this.#fd;
    if (fd.poller.driver.outboundLength(fd.slot) === 0) return resolvedVoid;
    const flushed = fd.flush(undefined);
    flushed.catch(() => {});
    return flushed;
  }

  #send(output: LinkBuffer): Promise<void> {
    const fd = this.#fd;
    this.touch();
    if (fd.mayStage && stageAll(fd, output)) {
      if (output.idle) {
        this.#output = null;
        giveBuffer(output);
      }
      return resolvedVoid;
    }
    const waiter = new FlushWaiter(fd, output, this);
    const { writeTimeout, whenFull } = this.#host.limits;
    this.#flags |= SENDING;
    const sent = fd.writer.attemptOrPark<void>(waiter, undefined);
    // It fails for who waits; for the connection it is told by `broken` or `sent`.
    sent.catch(() => {});
    if (waiter.settled) return sent;
    this.some.sent = sent;
    if (writeTimeout > 0) this.#limitWriting(writeTimeout);
    return whenFull === 'wait' ? sent : resolvedVoid;
  }

  #limitWriting(timeout: number): void {
    const { writer } = this.#fd;
    if (writer.deadline !== 0) return;
    this.#flags |= TIMED;
    writer.setDeadline(now() + timeout);
  }

  /** Too much waits already: an error, or null if this flush may still wait. */
  #overflow(output: LinkBuffer): Error | null {
    const { writeHighWater, whenFull } = this.#host.limits;
    const limit = whenFull === 'wait' ? PATIENCE * writeHighWater : writeHighWater;
    if (output.len <= limit) return null;
    const error = new WriteBufferFullError(limit, this.#details('flush'));
    output.mallocAck(0);
    if (whenFull !== 'error') {
      this.#failed(error);
      this.closeNow();
    }
    return error;
  }

  /** @internal A parked flush is through. */
  sent(failed: boolean): void {
    this.#flags &= ~SENDING;
    const output = this.#output;
    if (output !== null && output.idle) {
      this.#output = null;
      giveBuffer(output);
    }
    if (this.#flags & SHUT) return;
    // Who has given memory by reference has it again.
    if (failed) output?.settleLinked();
    if (this.#flags & TIMED) {
      this.#flags &= ~TIMED;
      const struck = failed && this.#fd.writer.expired;
      this.#fd.writer.setDeadline(0);
      if (struck) {
        this.#failed(this.error('flush', FAILED_DEADLINE));
        queueMicrotask(() => this.closeNow());
        return;
      }
    }
    queueMicrotask(() => this.#kick());
  }

  /**
   * Writes all of `p`, as every `Conn` does, behind what was flushed (and flushes what was not). It resolves when `p`
   * is the caller's again.
   */
  override write(p: Uint8Array, options?: CallOptions): Promise<number> {
    try {
      checkBytes(p);
      if (this.#flags & SHUT) throw new ClosedError(this.#details('write'));
    } catch (error) {
      return Promise.reject(error);
    }
    this.touch();
    const output = this.#output;
    if (output === null || (output.len === 0 && output.mallocLen === 0)) {
      const written = this.#fd.write(p, options?.signal);
      const { writeTimeout } = this.#host.limits;
      if (writeTimeout > 0 && this.#fd.writer.head !== null) {
        this.#limitWriting(writeTimeout);
        const settled = () => {
          if (!(this.#flags & TIMED) || this.#fd.writer.head !== null || this.#flags & SHUT) return;
          this.#flags &= ~TIMED;
          this.#fd.writer.setDeadline(0);
        };
        written.then(settled, settled);
      }
      return written;
    }
    output.writeBinary(p.slice());
    return this.flush().then(() => p.length);
  }

  /** Writes all of `p` without waiting, or nothing of it: see TCPConn. Never past what waits to be sent. */
  tryWrite(p: Uint8Array): boolean {
    checkBytes(p);
    if (this.#flags & SHUT) throw new ClosedError(this.#details('write'));
    const output = this.#output;
    if (output !== null && (output.len > 0 || output.mallocLen > 0)) return false;
    this.touch();
    return this.#fd.tryWrite(p);
  }

  /** Ends the outgoing stream: what was flushed goes first, then the peer reads the end. Reading goes on. */
  async closeWrite(): Promise<void> {
    if (this.#flags & SENDING) await this.some.sent;
    await this.#fd.closeWrite();
  }

  // Time

  setDeadline(at: Date | null): void {
    this.#setInstants(instantOf(at), true, true);
  }

  setReadDeadline(at: Date | null): void {
    this.#setInstants(instantOf(at), true, false);
  }

  setWriteDeadline(at: Date | null): void {
    this.#setInstants(instantOf(at), false, true);
  }

  setTimeout(ms: number | null): void {
    this.#setInstants(instantIn(ms), true, true);
  }

  setReadTimeout(ms: number | null): void {
    this.#setInstants(instantIn(ms), true, false);
  }

  setWriteTimeout(ms: number | null): void {
    this.#setInstants(instantIn(ms), false, true);
  }

  #setInstants(instant: number, reading: boolean, writing: boolean): void {
    if (this.#flags & SHUT) throw new ClosedError(this.#details('set'));
    if (writing) this.#fd.writer.setDeadline(instant);
    if (!reading) return;
    const rare = this.some;
    rare.readDeadline = instant;
    this.#flags = instant === 0 ? this.#flags & ~LIMITED : this.#flags | LIMITED;
    if (instant === 0) {
      if (this.#host.limits.readTimeout === 0) this.#disarmRead();
      return;
    }
    if (this.#input === null || this.#input.needed === 0) return;
    if (instant > now()) {
      this.#armRead(instant, 0);
    } else {
      // Whoever moves it forward again before the waiter would have run has seen no timeout.
      queueMicrotask(() => {
        if (this.#flags & LIMITED && rare.readDeadline <= now()) this.#failRead();
      });
    }
  }

  /** @internal Something happens here: the idle time begins anew. */
  touch(): void {
    const { idleTimeout } = this.#host.limits;
    if (idleTimeout > 0) this.#host.poller.deadlines[2 * this.#fd.slot] = turnNow() + idleTimeout;
  }

  /** @internal When it has been idle for too long; Infinity: it is at work. */
  get idleUntil(): number {
    if (this.#phase !== IDLE || this.#flags & (SENDING | QUEUED | SHUT)) return Number.POSITIVE_INFINITY;
    return this.#host.poller.deadlines[2 * this.#fd.slot]!;
  }

  /** @internal Whether nothing is under way, also not in the kernel. */
  get isIdle(): boolean {
    if (this.#phase !== IDLE || this.#flags & (SENDING | QUEUED)) return false;
    if (this.len > 0 && this.#flags & NEW) return false;
    const { driver } = this.#host.poller;
    return driver.peek(this.#fd.slot) !== 1;
  }

  // Closing

  /**
   * Fails waiting and new calls, sends what was flushed, within the listener's `closeTimeout`, and closes the
   * descriptor: then it resolves. Close callbacks run when the callback that runs, if one does, has ended.
   */
  close(): Promise<void> {
    if (this.#flags & SHUT) return Promise.reject(new ClosedError(this.#details('close')));
    const closing = this.#shut();
    closing.catch(() => {});
    this.#step(CLOSE);
    return closing;
  }

  /** Closes at once; discards what the kernel has not taken. Never fails, any number of times. */
  closeNow(): void {
    if (this.#flags & SHUT) {
      this.#fd.closeNow();
      return;
    }
    this.#beginShut();
    this.#fd.closeNow();
    this.#step(CLOSE);
  }

  /** @internal As if it had come to its end by itself. */
  closeIdle(): void {
    if (this.#phase === IDLE) this.#step(OVER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#flags & SHUT) return;
    try {
      await this.close();
    } catch (error) {
      if (error instanceof OpError && PEER_GONE.has(error.code)) return;
      throw error;
    }
  }

  #beginShut(): void {
    const rare = this.some;
    rare.localAddr ??= this.localAddr;
    rare.remoteAddr ??= this.remoteAddr;
    const { driver, deadlines } = this.#host.poller;
    driver.stream(this.#fd.slot, 0);
    driver.release();
    if (this.#host.limits.idleTimeout > 0) deadlines[2 * this.#fd.slot] = 0;
    this.#flags |= SHUT;
    if (rare.timer !== null) timers.delete(rare.timer);
    const input = this.#input;
    if (input !== null) {
      this.#input = null;
      if (input.idle && input.mallocLen === 0) giveBuffer(input);
      else input.close();
    }
  }

  #shut(): Promise<void> {
    const output = this.#output;
    this.#beginShut();
    const fd = this.#fd;
    const { closeTimeout } = this.#host.family.settings;
    if (output === null || output.len === 0 || this.#flags & BROKEN) {
      this.#output = null;
      return fd.close(closeTimeout);
    }
    return this.#closeBehind(output, closeTimeout);
  }

  /** What was flushed goes out first. */
  async #closeBehind(output: LinkBuffer, timeout: number): Promise<void> {
    const fd = this.#fd;
    const until = now() + timeout;
    const sent =
      this.#flags & SENDING
        ? this.some.sent
        : fd.writer.attemptOrPark<void>(new FlushWaiter(fd, output, this), undefined);
    const { deadline } = fd.writer;
    if (deadline === 0 || deadline > until) fd.writer.setDeadline(until);
    try {
      await sent;
    } catch {
      const bytesUnsent = output.len + this.#host.poller.driver.outboundLength(fd.slot);
      fd.closeNow();
      throw operationError(FAILED_UNSENT, this.#details('close'), { bytesUnsent });
    } finally {
      output.close();
      this.#output = null;
    }
    await fd.close(Math.max(0, until - now()));
  }

  // Addresses: the same objects for the life of the connection, and after it.

  get localAddr(): Addr {
    const rare = this.some;
    rare.localAddr ??= this.#host.family.localAddr(this.#host.poller, this.#fd.slot);
    return rare.localAddr;
  }

  get remoteAddr(): Addr {
    const rare = this.some;
    rare.remoteAddr ??= this.#host.family.remoteAddr(this.#host.poller, this.#fd.slot);
    return rare.remoteAddr;
  }

  #details(op: string) {
    return { op, net: this.#host.family.network, source: this.localAddr, addr: this.remoteAddr };
  }

  // What the FD asks of us

  /** @internal */
  error(op: string, failure: Failure, counts?: Counts): OpError {
    return operationError(failure, this.#details(op), counts);
  }

  /** @internal */
  aborted(reason: unknown, bytesWritten: number): unknown {
    if (bytesWritten === 0) return reason;
    return new OpError('ERR_ABORTED', 'aborted', { ...this.#details('write'), cause: reason, bytesWritten });
  }

  /** @internal */
  accepted(): never {
    throw new Error('a connection accepts nothing');
  }
}

/** A rejection that is no news where nobody looks: the connection is closed for the same reason. */
function refused(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
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

/** When a reading call has waited for long enough. */
class ReadTimer implements Timer {
  when = 0;
  index = -1;
  /** What is parked holds the process already. */
  readonly holds = false;
  due = 0;
  readonly #conn: Connection;

  constructor(conn: Connection) {
    this.#conn = conn;
  }

  fire(): void {
    this.#conn.readTimedOut();
  }
}
