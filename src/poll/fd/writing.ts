import { spend } from '../../runtime/budget.ts';
import { abortReason } from '../../runtime/failures.ts';
import { settled } from '../../runtime/settled.ts';
import { EAGAIN, EMSGSIZE, EPIPE, FAILED_NOT, type Failure } from '../errno.ts';
import { DIRECT_SIZE, OUTBOUND_BOUND } from '../limits.ts';
import type { TransferWaiter } from '../waiters/transfer.ts';
import { VectorWaiter } from '../waiters/vector.ts';
import { ConnectWaiter, DrainWaiter, WriteWaiter } from '../waiters/write.ts';
import { CLOSED, PACKETS, SHUTTING, STRICT, UNSTAGED, WRITE_SHUT } from './flags.ts';
import { Reading } from './reading.ts';

/** The calls of the writing direction: they settle when the outbound chain has room, or park. */
export abstract class Writing extends Reading {
  write(p: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.writing === null || this.writing.head === null) {
      const failure = this.takeWriteFailure();
      if (failure !== FAILED_NOT) return Promise.reject(this.writeError(failure));
      if (this.flags & SHUTTING) return Promise.reject(this.writeError(EPIPE));
      if (this.stageNow(p)) return settled(p.length);
    }
    return this.refused() ?? this.writer.attemptOrPark(new WriteWaiter(this, p), signal);
  }

  /** Whether all of `p` went the way of a write that settles at once. False: nothing has happened, `write` knows more. */
  takeNow(p: Uint8Array): boolean {
    if (this.writing !== null && this.writing.head !== null) return false;
    if (this.takeWriteFailure() !== FAILED_NOT || this.flags & SHUTTING) return false;
    return !spend() && this.stageNow(p);
  }

  /** All of `buffers`, in one piece among other writes; the array is ours. */
  writeVector(buffers: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<number> {
    if (this.packets) return this.write(new Uint8Array(Buffer.concat(buffers)), signal);
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    let length = 0;
    for (const buffer of buffers) length += buffer.length;
    if (this.writing === null || this.writing.head === null) {
      const failure = this.takeWriteFailure();
      if (failure !== FAILED_NOT) return Promise.reject(this.writeError(failure));
      if (this.flags & SHUTTING) return Promise.reject(this.writeError(EPIPE));
      if (this.stageVectorNow(buffers, length)) return settled(length);
    }
    return this.refused() ?? this.writer.attemptOrPark(new VectorWaiter(this, buffers, length), signal);
  }

  /** Has the writing side to itself until the transfer is through. */
  transfer(waiter: TransferWaiter): Promise<void> {
    return this.refused() ?? this.writer.attemptOrPark(waiter, undefined);
  }

  /** Whether all of `p` went into the chain. False: no room, or somebody else is writing; nothing was taken. */
  tryWrite(p: Uint8Array): boolean {
    if (this.writing !== null && this.writing.head !== null) return false;
    const failure = this.takeWriteFailure();
    if (failure !== FAILED_NOT) throw this.writeError(failure);
    if (this.flags & SHUTTING) throw this.writeError(EPIPE);
    const { driver } = this.poller;
    if (this.packets) return this.sendMessage(p);
    if (driver.outboundLength(this.slot) + p.length > OUTBOUND_BOUND) return false;
    if (p.length > 0) driver.stage(this.slot, p, 0, p.length);
    return true;
  }

  flush(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.closed) {
      return Promise.reject(this.owner.error('flush', this.closure, this.takeUnsent()));
    }
    return this.writer.attemptOrPark(new DrainWaiter('flush'), signal);
  }

  connected(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    return this.writer.park(new ConnectWaiter(), signal);
  }

  /** Whether something may be staged right now: nobody waits to write, nothing has failed, and it need not be in the kernel. */
  get mayStage(): boolean {
    if (this.writing !== null && (this.writing.head !== null || this.writing.expired)) return false;
    if (this.flags & (CLOSED | STRICT | SHUTTING | WRITE_SHUT)) return false;
    return this.rare === null || this.rare.fault === null;
  }

  /** The hit path of a small write. */
  private stageNow(p: Uint8Array): boolean {
    const { driver } = this.poller;
    const length = p.length;
    if (length >= DIRECT_SIZE || this.flags & (STRICT | PACKETS | UNSTAGED)) return false;
    if (driver.outboundLength(this.slot) + length > OUTBOUND_BOUND) return false;
    if (length > 0) driver.stage(this.slot, p, 0, length);
    return true;
  }

  private stageVectorNow(buffers: readonly Uint8Array[], length: number): boolean {
    const { driver } = this.poller;
    if (length >= DIRECT_SIZE || this.flags & STRICT) return false;
    if (driver.outboundLength(this.slot) + length > OUTBOUND_BOUND) return false;
    for (const buffer of buffers) if (buffer.length > 0) driver.stage(this.slot, buffer, 0, buffer.length);
    return true;
  }

  /** One message, or nothing of it. */
  private sendMessage(p: Uint8Array): boolean {
    const sent = this.poller.driver.trySend(this.slot, p, 0, p.length);
    if (sent >= 0) return true;
    if (sent === -EAGAIN) return false;
    if (sent !== -EMSGSIZE) this.faulted(-sent, 0);
    throw this.writeError(-sent);
  }

  /** Who comes too late must not queue behind a thread that is still busy. */
  private refused(): Promise<never> | null {
    if (this.closed) return Promise.reject(this.writeError(this.closure));
    return this.flags & SHUTTING ? Promise.reject(this.writeError(EPIPE)) : null;
  }

  private writeError(failure: Failure): Error {
    return this.owner.error('write', failure, { bytesWritten: 0, ...this.takeUnsent() });
  }
}
