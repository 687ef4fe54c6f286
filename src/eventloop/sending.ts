import { checkBytes } from '../io/arguments.ts';
import { resolvedVoid } from '../io/resolved.ts';
import type { LinkBuffer } from '../linkbuffer/index.ts';
import type { CallOptions } from '../net/conn.ts';
import { now } from '../runtime/clock.ts';
import { WriteBufferFullError } from './errors.ts';
import { BROKEN, SENDING, SHUT, TIMED } from './flags.ts';
import { FlushWaiter, type Sender, stageAll } from './flush-waiter.ts';
import { Receiving } from './receiving.ts';
import { giveBuffer, takeBuffer } from './spare.ts';

/** So many times the write mark may wait to be sent where nobody waits for it. */
const PATIENCE = 64;

/** The sending part of a connection: from what was written to the chain, or straight to the kernel. */
export abstract class Sending extends Receiving implements Sender {
  protected get unsent(): LinkBuffer | null {
    return this.output;
  }

  protected outgoing(): LinkBuffer {
    if (this.flags & SHUT) throw this.gone('write');
    this.output ??= takeBuffer(null);
    return this.output;
  }

  /**
   * Sends what was written. Resolves when the kernel, or the connection's chain of at most 64 KiB, has it all: until
   * then memory that was given by reference must stay as it is. The chain leaves at the end of this round, with all
   * that others send; with nothing new to flush, it leaves now, and the promise waits for the kernel. Nobody has to wait for it: a handler that returns is
   * not called again before its answer has gone, and a failure closes the connection.
   */
  flush(): Promise<void> {
    if (this.flags & SHUT) return refused(this.gone('flush'));
    const output = this.output;
    if (output === null) return this.flushChain();
    const full = output.len > this.host.limits.writeHighWater ? this.overflow(output) : null;
    if (full !== null) return refused(full);
    output.publish();
    if (this.flags & SENDING) return this.host.limits.whenFull === 'wait' ? this.some.sent : resolvedVoid;
    return this.send(output);
  }

  /** What was written before leaves now; resolves when the kernel has it. */
  protected flushChain(): Promise<void> {
    const fd = this.fd;
    if (fd.poller.driver.outboundLength(fd.slot) === 0) return resolvedVoid;
    const flushed = fd.flush(undefined);
    flushed.catch(() => {});
    return flushed;
  }

  protected send(output: LinkBuffer): Promise<void> {
    const fd = this.fd;
    this.touch();
    if (fd.mayStage && stageAll(fd, output)) {
      if (output.idle) {
        this.output = null;
        giveBuffer(output);
      }
      return resolvedVoid;
    }
    const waiter = new FlushWaiter(fd, output, this);
    const { writeTimeout, whenFull } = this.host.limits;
    this.flags |= SENDING;
    const sent = fd.writer.attemptOrPark<void>(waiter, undefined);
    // It fails for who waits; for the connection it is told by `broken` or `sent`.
    sent.catch(() => {});
    if (waiter.settled) return sent;
    this.some.sent = sent;
    if (writeTimeout > 0) this.limitWriting(writeTimeout);
    return whenFull === 'wait' ? sent : resolvedVoid;
  }

  protected limitWriting(timeout: number): void {
    const { writer } = this.fd;
    if (writer.deadline !== 0) return;
    this.flags |= TIMED;
    writer.setDeadline(now() + timeout);
  }

  /** Too much waits already: an error, or null if this flush may still wait. */
  protected overflow(output: LinkBuffer): Error | null {
    const { writeHighWater, whenFull } = this.host.limits;
    const limit = whenFull === 'wait' ? PATIENCE * writeHighWater : writeHighWater;
    if (output.len <= limit) return null;
    const error = new WriteBufferFullError(limit, this.details('flush'));
    output.mallocAck(0);
    if (whenFull !== 'error') {
      this.condemn(error);
      this.closeNow();
    }
    return error;
  }

  /** @internal A parked flush is through: null, or why it is not. */
  sent(failure: unknown): void {
    this.flags &= ~SENDING;
    const output = this.output;
    if (output?.idle) {
      this.output = null;
      giveBuffer(output);
    }
    if (this.flags & SHUT) return;
    // Who has given memory by reference has it again.
    if (failure !== null) output?.settleLinked();
    if (this.flags & TIMED) {
      this.flags &= ~TIMED;
      const struck = failure !== null && this.fd.writer.expired;
      this.fd.writer.setDeadline(0);
      if (struck) {
        this.condemn(failure);
        queueMicrotask(() => this.closeNow());
        return;
      }
    }
    queueMicrotask(() => this.kick());
  }

  /**
   * Writes all of `p`, as every `Conn` does, behind what was flushed (and flushes what was not). It resolves when `p`
   * is the caller's again. Where `writeTimeout` strikes it rejects and the connection is closed, as with `flush`; a
   * write deadline only rejects.
   */
  override write(p: Uint8Array, options?: CallOptions): Promise<number> {
    try {
      checkBytes(p);
      if (this.flags & SHUT) throw this.gone('write');
    } catch (error) {
      return Promise.reject(error);
    }
    this.touch();
    const output = this.output;
    if (output === null || (output.len === 0 && output.mallocLen === 0)) {
      const written = this.fd.write(p, options?.signal);
      const { writeTimeout } = this.host.limits;
      if (writeTimeout > 0 && this.fd.writer.head !== null) {
        this.limitWriting(writeTimeout);
        written.then(
          () => this.writeSettled(null),
          (error: unknown) => this.writeSettled(error),
        );
      }
      return written;
    }
    output.writeBinary(p.slice());
    return this.flush().then(() => p.length);
  }

  /** The last of those that `writeTimeout` limits is through; a part of it may have gone when that has struck. */
  protected writeSettled(failure: unknown): void {
    if (!(this.flags & TIMED) || this.fd.writer.head !== null || this.flags & SHUT) return;
    this.flags &= ~TIMED;
    const struck = failure !== null && this.fd.writer.expired;
    this.fd.writer.setDeadline(0);
    if (!struck) return;
    this.condemn(failure);
    this.closeNow();
  }

  /** Writes all of `p` without waiting, or nothing of it: see TCPConn. Never past what waits to be sent. */
  tryWrite(p: Uint8Array): boolean {
    checkBytes(p);
    if (this.flags & SHUT) throw this.gone('write');
    const output = this.output;
    if (output !== null && (output.len > 0 || output.mallocLen > 0)) return false;
    this.touch();
    return this.fd.tryWrite(p);
  }

  /** Ends the outgoing stream: what was flushed goes first, then the peer reads the end. Reading goes on. */
  async closeWrite(): Promise<void> {
    if (this.flags & SENDING) await this.some.sent;
    await this.fd.closeWrite();
  }

  /** @internal FDOwner: the kernel refused what was to be sent. */
  broken(errno: number): void {
    if (this.flags & (SHUT | BROKEN)) return;
    this.flags |= BROKEN;
    this.failed(this.error('write', errno));
    this.tellDisconnect();
    // Not inside the call that found it: its caller is told first.
    queueMicrotask(() => this.kick());
  }
}

/** A rejection that is no news where nobody looks: the connection is closed for the same reason. */
function refused(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
