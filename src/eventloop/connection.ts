import { ArgumentTypeError, NoProgressError } from '../io/index.ts';
import type { LinkReader, LinkWriter } from '../linkbuffer/index.ts';
import type { Conn } from '../net/conn.ts';
import type { FDOwner } from '../poll/index.ts';
import { nextTurn, spend } from '../runtime/budget.ts';
import { now } from '../runtime/clock.ts';
import { setRunning } from '../runtime/registry.ts';
import { originOf } from '../runtime/site.ts';
import { peerHasGone } from './closing.ts';
import {
  BROKEN,
  ENDED,
  FULL,
  GONE,
  NEW,
  OWN_HANDLER,
  PAUSED,
  POLLER_SHIFT,
  QUEUED,
  SENDING,
  SHUT,
  TOLD,
} from './flags.ts';
import { HandlerGoroutine, isThenable, reportCallback } from './goroutine.ts';
import type { ConnectionCallback } from './host.ts';
import { Moving } from './moving.ts';
import type { Applicant } from './pool.ts';
import { handlers } from './pool.ts';
import {
  CALL,
  CLOSED,
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
  WORK,
} from './states.ts';

const GOES_ON = -1;
const REST = -1;
const nothing = () => {};

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
export class Connection extends Moving implements Conn, FDOwner, Applicant {
  /** The reading face: this very object. */
  get reader(): LinkReader {
    return this;
  }

  /** The writing face: this very object. */
  get writer(): LinkWriter {
    return this;
  }

  /** @internal Begins: with `onConnect`, or as if that had ended. */
  open(onConnect: ConnectionCallback | null): void {
    if (this.flags & SHUT) {
      this.step(ENDED_REST);
      return;
    }
    this.interest();
    this.touch();
    if (onConnect === null) {
      this.step(this.verdict(0));
    } else if (this.host.connectWaits && handlers.full) {
      this.some.onConnect = onConnect;
      this.flags |= QUEUED;
      handlers.enqueue(this);
    } else {
      this.connected(onConnect);
    }
  }

  protected connected(onConnect: ConnectionCallback): void {
    const ended = this.run(onConnect);
    if (ended !== GOES_ON) this.step(ended);
  }

  /** Whether `onConnect` was still to be called; it never will be. */
  protected cancelConnect(): boolean {
    const rare = this.rare;
    if (rare === null || rare.onConnect === null) return false;
    rare.onConnect = null;
    return true;
  }

  /**
   * Replaces the request handler of this connection, at once: bytes that wait already are given to the new one.
   * A connection without one keeps what arrives until it is read.
   */
  setOnRequest(onRequest: ConnectionCallback): void {
    if (typeof onRequest !== 'function') {
      throw new ArgumentTypeError('onRequest', 'a function', onRequest);
    }
    originOf(onRequest, this.setOnRequest);
    this.some.onRequest = onRequest;
    this.flags |= OWN_HANDLER | NEW;
    this.kick();
  }

  /**
   * Calls `callback` once, when the connection has been closed by whomever and no other callback of it runs any more:
   * the last one that was added first. On a connection that is gone already it is called at once.
   */
  addCloseCallback(callback: (conn: Connection) => unknown): void {
    if (typeof callback !== 'function') {
      throw new ArgumentTypeError('callback', 'a function', callback);
    }
    originOf(callback, this.addCloseCallback);
    if (this.flags & GONE) this.closeCallback(callback);
    else {
      const rare = this.some;
      rare.closeCallbacks ??= [];
      rare.closeCallbacks.push(callback);
    }
  }

  /** Why the event loop closed the connection by itself: an error of a handler, a reset, no progress; else null. */
  get reason(): unknown {
    return this.rare?.reason ?? this.ending();
  }

  protected step(event: Event): void {
    let next = follow(this.phase, event);
    this.phase = next.phase;
    while (next.action === CALL) {
      const ended = this.call();
      if (ended === GOES_ON) return;
      next = follow(this.phase, ended);
      this.phase = next.phase;
    }
    if (next.action === FINISH) this.finish();
    else if (next.phase === IDLE) this.tidy();
  }

  /** Something has changed that may be worth a call, or the end. */
  protected kick(): void {
    if (this.phase !== IDLE) {
      // Nobody is left to connect.
      if (this.phase === OPENING && this.flags & BROKEN && this.cancelConnect()) this.step(ENDED_OVER);
      return;
    }
    const outlook = this.outlook();
    if (outlook !== REST) this.step(outlook);
  }

  protected handler(): ConnectionCallback | null {
    return this.flags & OWN_HANDLER ? this.rare!.onRequest : this.host.onRequest;
  }

  protected call(): Event | typeof GOES_ON {
    this.flags &= ~NEW;
    if (this.rare !== null) {
      this.rare.expected = 0;
      this.rare.allowed = 0;
    }
    return this.run(this.handler()!);
  }

  protected run(callback: ConnectionCallback): Event | typeof GOES_ON {
    const host = this.host;
    const unread = this.len;
    const connecting = this.phase === OPENING;
    // Known before it is called only where it is likely to wait: others cost none.
    const waits = connecting ? host.connectWaits : host.waits;
    let goroutine = waits ? new HandlerGoroutine(callback, this, unread) : null;
    let result: unknown;
    if (goroutine !== null) setRunning(goroutine);
    const { watch } = host;
    const from = watch === null ? 0 : now();
    try {
      result = callback(this);
    } catch (error) {
      if (goroutine !== null) setRunning(null);
      this.failed(error);
      if (!this.hasTold(error)) reportCallback(error, callback, this);
      return FAILED;
    }
    if (goroutine !== null) setRunning(null);
    if (watch !== null) watch.ran(this, now() - from);
    if (!isThenable(result)) return this.verdict(unread);
    if (connecting) host.connectWaits = true;
    else host.waits = true;
    goroutine ??= new HandlerGoroutine(callback, this, unread);
    goroutine.goOn(result instanceof Promise ? result : Promise.resolve(result));
    return GOES_ON;
  }

  /** @internal A callback that has waited is through. */
  callbackEnded(unread: number, failure: { readonly error: unknown } | null): void {
    if (failure !== null) this.failed(failure.error);
    this.step(failure === null ? this.verdict(unread) : FAILED);
    this.settle();
  }

  /** What follows on a callback that has ended. */
  protected verdict(unread: number): Event {
    if (this.flags & SHUT) return ENDED_REST;
    const opening = this.phase === OPENING;
    const input = this.input;
    if (input !== null) {
      input.release();
      // What `expect` asked for while memory was lent.
      if (this.flags & FULL && this.mark(input) > this.host.limits.readHighWater) this.relax();
      if (input.len > 0 && (opening || input.len < unread)) this.flags |= NEW;
    }
    if (opening && this.flags & TOLD) this.callDisconnect();
    if (this.flags & SHUT) return ENDED_REST;
    const outlook = this.outlook();
    if (outlook === WORK) {
      if (!spend()) return ENDED_WORK;
      // It has had its share: others first.
      this.flags |= QUEUED;
      nextTurn().then(() => this.admitted());
      return ENDED_REST;
    }
    return outlook === OVER ? ENDED_OVER : ENDED_REST;
  }

  /** Whether there is something to call the handler for, nothing any more, or nothing yet. */
  protected outlook(): typeof WORK | typeof OVER | typeof REST {
    const flags = this.flags;
    if (this.handler() === null) return REST;
    const input = this.input;
    const unread = input === null ? 0 : input.len;
    // What was flushed goes out first: a peer that does not read its answers asks nothing more, either.
    if (flags & (SENDING | QUEUED) && !(flags & BROKEN)) return REST;
    if (unread > 0 && flags & NEW) {
      if (this.rare === null || unread >= this.rare.expected || flags & ENDED) {
        if (!this.host.waits || !handlers.full) return WORK;
        this.flags |= QUEUED;
        handlers.enqueue(this);
        return REST;
      }
    }
    if (flags & BROKEN || (flags & ENDED && !this.host.limits.halfOpen)) return OVER;
    if (this.host.stopping && unread === 0) return OVER;
    // Who has paused it leaves bytes on purpose.
    if (flags & FULL && unread > 0 && !(flags & (NEW | PAUSED))) {
      this.condemn(
        new NoProgressError(
          `the request handler of ${this.host.family.network} ${this.localAddr}->${this.remoteAddr} leaves ` +
            `${unread} bytes unread, and no more will be received: see expect and readHighWater`,
        ),
      );
      return OVER;
    }
    return REST;
  }

  /** @internal The goroutine pool has room, or the others have had their turn. */
  admitted(): void {
    this.flags &= ~QUEUED;
    const onConnect = this.rare?.onConnect ?? null;
    if (onConnect !== null) {
      this.cancelConnect();
      this.connected(onConnect);
    } else {
      this.kick();
    }
    this.settle();
  }

  protected condemn(error: unknown): void {
    const rare = this.some;
    this.failed(error);
    if (rare.told !== null) return;
    rare.told = error;
    reportCallback(error, this.handler() ?? this.close, this);
  }

  /** @internal Whether this is why the event loop closed the connection, and `runtime.onError` knows. */
  hasTold(error: unknown): boolean {
    return this.rare !== null && this.rare.told !== null && this.rare.told === error;
  }

  /** @internal A callback that is not waited for has thrown, or rejected. */
  callbackFailed(error: unknown, callback: (conn: Connection) => unknown): void {
    this.failed(error);
    reportCallback(error, callback, this);
    this.closeNow();
  }

  protected finish(): void {
    const shut = this.flags & SHUT;
    if (!shut) this.shutFor({ resolve: nothing, reject: (error) => this.reportClose(error) });
    this.flags |= GONE;
    const callbacks = this.rare?.closeCallbacks ?? null;
    if (callbacks !== null) {
      for (let callback = callbacks.pop(); callback !== undefined; callback = callbacks.pop()) {
        this.closeCallback(callback);
      }
    }
    this.host.balance.left((this.flags >>> POLLER_SHIFT) & 63);
    this.host.left(this);
  }

  protected closeCallback(callback: (conn: Connection) => unknown): void {
    try {
      const result: unknown = callback(this);
      if (result instanceof Promise) result.catch((error: unknown) => reportCallback(error, callback, this));
    } catch (error) {
      reportCallback(error, callback, this);
    }
  }

  protected reportClose(error: unknown): void {
    if (peerHasGone(error)) return;
    reportCallback(error, this.handler() ?? this.close, this);
  }

  protected tellDisconnect(): void {
    if (this.flags & (TOLD | SHUT)) return;
    this.flags |= TOLD;
    // Not beside onConnect, whose work it may undo.
    if (this.phase !== OPENING) this.callDisconnect();
  }

  protected callDisconnect(): void {
    const { onDisconnect } = this.host;
    if (onDisconnect !== null) this.closeCallback(onDisconnect);
  }

  /** @internal When it has been idle for too long; Infinity: it is at work. */
  get idleUntil(): number {
    if (this.phase !== IDLE || this.flags & (SENDING | QUEUED | SHUT)) return Number.POSITIVE_INFINITY;
    return this.host.poller.deadlines[2 * this.fd.slot]!;
  }

  /** @internal Between two requests, with nothing under way and nobody waiting: it may go away without a word. */
  get isAtRest(): boolean {
    if (this.fd.writer.head !== null || (this.input !== null && this.input.needed > 0)) return false;
    return this.phase === IDLE && (this.flags & (SENDING | QUEUED | SHUT | BROKEN | ENDED | PAUSED)) === 0;
  }

  /** @internal Whether nothing is under way, also not in the kernel. */
  get isIdle(): boolean {
    if (this.phase !== IDLE || this.flags & (SENDING | QUEUED)) return false;
    if (this.len > 0 && this.flags & NEW) return false;
    const { driver } = this.host.poller;
    return driver.peek(this.fd.slot) !== 1;
  }

  protected lose(): void {
    this.finish();
    this.phase = CLOSED;
  }
}
