import type { LinkBuffer } from '../linkbuffer/index.ts';
import { OpError, operationError } from '../net/errors.ts';
import { FAILED_UNSENT } from '../poll/index.ts';
import { now } from '../runtime/clock.ts';
import { type Parked, park } from '../runtime/park.ts';
import { timers } from '../runtime/timers.ts';
import { BROKEN, SENDING, SHUT } from './flags.ts';
import { FlushWaiter } from './flush-waiter.ts';
import { giveBuffer } from './spare.ts';
import { CLOSE, ENDED_REST, type Event, IDLE, OVER } from './states.ts';
import { Timing } from './timing.ts';

const PEER_GONE = new Set(['ECONNRESET', 'EPIPE', 'ENOTCONN', 'ETIMEDOUT']);

/** Whether a close has failed only because the peer was faster. */
export function peerHasGone(error: unknown): boolean {
  return error instanceof OpError && PEER_GONE.has(error.code);
}

/** The part of a connection by which it ends: what was flushed goes out, memory goes back, the descriptor is closed. */
export abstract class Closing extends Timing {
  protected abstract step(event: Event): void;
  /** Whether `onConnect` was still to be called; it never will be. */
  protected abstract cancelConnect(): boolean;

  /**
   * Fails waiting and new calls, sends what was flushed, within the listener's `closeTimeout`, and closes the
   * descriptor: then it resolves. Close callbacks run when the callback that runs, if one does, has ended.
   */
  close(): Promise<void> {
    if (this.flags & SHUT) return Promise.reject(this.gone('close'));
    const closing = this.shut();
    closing.catch(() => {});
    this.leave();
    return closing;
  }

  /** Closes at once; discards what the kernel has not taken. Never fails, any number of times. */
  closeNow(): void {
    if (this.flags & SHUT) {
      this.fd.closeNow();
      return;
    }
    this.beginShut();
    this.fd.closeNow();
    this.dropOutput();
    this.leave();
  }

  protected leave(): void {
    this.step(CLOSE);
    // As if it had run.
    if (this.cancelConnect()) this.step(ENDED_REST);
  }

  /** @internal As if it had come to its end by itself. */
  closeIdle(): void {
    if (this.phase === IDLE) this.step(OVER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.flags & SHUT) return;
    try {
      await this.close();
    } catch (error) {
      if (peerHasGone(error)) return;
      throw error;
    }
  }

  protected beginShut(): void {
    const rare = this.some;
    rare.localAddr ??= this.localAddr;
    const { family, poller } = this.host;
    rare.remoteAddr ??= family.keptPeer?.(poller, this.fd.slot) ?? this.remoteAddr;
    const { driver, deadlines } = poller;
    driver.stream(this.fd.slot, 0);
    driver.release();
    if (this.host.limits.idleTimeout > 0) deadlines[2 * this.fd.slot] = 0;
    this.flags |= SHUT;
    if (rare.timer !== null) timers.delete(rare.timer);
    const input = this.input;
    if (input !== null) {
      this.input = null;
      if (input.idle && input.mallocLen === 0) giveBuffer(input);
      else input.close();
    }
  }

  /** What will never be sent, flushed or not: its blocks are free. */
  protected dropOutput(): void {
    this.output?.close();
    this.output = null;
  }

  protected shut(): Promise<void> {
    const closing = { resolve: () => {}, reject: () => {} } as Parked<void>;
    const promise = park<void>(closing);
    this.shutFor(closing);
    return promise;
  }

  /** The same for who is told by two calls, not by a promise. */
  protected shutFor(closing: Parked<void>): void {
    const output = this.output;
    this.beginShut();
    const fd = this.fd;
    const { closeTimeout } = this.host.family.settings;
    if (output === null || output.len === 0 || this.flags & BROKEN) {
      this.dropOutput();
      if (fd.closed) closing.reject(fd.owner.error('close', fd.closure));
      else fd.closeFor(closing, closeTimeout);
      return;
    }
    this.closeBehind(output, closeTimeout).then(closing.resolve, closing.reject);
  }

  /** What was flushed goes out first. */
  protected async closeBehind(output: LinkBuffer, timeout: number): Promise<void> {
    const fd = this.fd;
    const until = now() + timeout;
    const sent =
      this.flags & SENDING
        ? this.some.sent
        : fd.writer.attemptOrPark<void>(new FlushWaiter(fd, output, this), undefined);
    const { deadline } = fd.writer;
    if (deadline === 0 || deadline > until) fd.writer.setDeadline(until);
    try {
      await sent;
    } catch {
      const bytesUnsent = output.len + this.host.poller.driver.outboundLength(fd.slot);
      fd.closeNow();
      throw operationError(FAILED_UNSENT, this.details('close'), { bytesUnsent });
    } finally {
      output.close();
      this.output = null;
    }
    await fd.close(Math.max(0, until - now()));
  }
}
