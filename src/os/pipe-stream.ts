import fs from 'node:fs';
import {
  type Counts,
  driverChoice,
  EBADF,
  errnoMessage,
  errnoName,
  FAILED_CLOSED,
  FAILED_DETACHED,
  type Failure,
  FD,
  type FDOwner,
  threadPoller,
} from '../poll/index.ts';
import { settled } from '../runtime/settled.ts';
import { aborted, ClosedError, PathError, pathError } from './errors.ts';
import type { Lane } from './lanes.ts';

/**
 * A pipe or FIFO on our own netpoller: whoever waits parks, nothing is read before somebody reads, and copies from or
 * to a connection happen inside the kernel.
 */
export class PipeStream implements FDOwner {
  readonly fd: FD;
  readonly #descriptor: number;
  readonly #path: string;
  readonly #opener: Lane;
  /** Where only writers may come, nothing would ever tell a reader so. */
  readonly #readable: boolean;
  #ended = false;

  private constructor(fd: number, path: string, access: number, slot: number, opener: Lane) {
    this.#opener = opener;
    this.#descriptor = fd;
    this.#path = path;
    this.#readable = access !== fs.constants.O_WRONLY;
    this.fd = new FD(threadPoller(), slot, this);
    this.fd.setUnstaged();
  }

  /** Whether this thread's poller can wait for pipes. */
  static get possible(): boolean {
    // Who only prints is not told which driver there is not.
    const { driver } = driverChoice();
    return (driver === 'epoll' || driver === 'uring') && threadPoller().driver.borrowPipe !== undefined;
  }

  /**
   * Takes the descriptor over, which must not block and be nobody else's; `opener` closes it. Null where that cannot be: no pipe, or not
   * our poller; then the descriptor is as it was.
   */
  static over(fd: number, path: string, access: number, opener: Lane): PipeStream | null {
    if (!PipeStream.possible) return null;
    const slot = threadPoller().driver.borrowPipe!(fd);
    return slot < 0 ? null : new PipeStream(fd, path, access, slot, opener);
  }

  async read(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    if (this.#ended && !this.fd.closed && !signal?.aborted) return null;
    if (!this.#readable) throw this.error('read', this.fd.closed ? FAILED_CLOSED : EBADF);
    const n = await this.fd.read(p, signal);
    if (n === null) this.#ended = true;
    return n;
  }

  async write(p: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    // Who writes to a reader that keeps up lets the others have their turn.
    return settled(await this.fd.write(p, signal));
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** A copy has met the end: a writer that comes later is not heard any more. */
  end(): void {
    this.#ended = true;
  }

  /** Ends all that waits, then closes the descriptor. */
  async close(): Promise<void> {
    await this.fd.close(0);
    try {
      const { engine, pool } = this.#opener;
      await pool.run<void>('close', this.#path, (done) => engine.close(this.#descriptor, done));
    } catch (error) {
      throw pathError(error, { op: 'close', path: this.#path });
    }
  }

  // What the FD asks of us

  error(op: string, failure: Failure, counts: Counts = {}): PathError {
    const { bytesWritten } = counts;
    const details = { op, path: this.#path, ...(bytesWritten === undefined ? {} : { bytesWritten }) };
    if (failure === FAILED_CLOSED) return new ClosedError(details);
    if (failure === FAILED_DETACHED) {
      const reason = 'the buffer was transferred or resized while the call waited';
      return new PathError('ERR_BUFFER_DETACHED', reason, details);
    }
    return new PathError(errnoName(failure), errnoMessage(failure), {
      ...details,
      errno: -failure,
      syscall: op,
    });
  }

  aborted(reason: unknown, bytesWritten: number): unknown {
    return aborted(reason, { op: 'write', path: this.#path, bytesWritten });
  }

  accepted(): never {
    throw new Error('a pipe accepts nothing');
  }
}
