import type { Duplex } from 'node:stream';
import { OpError } from '../net/errors.ts';
import { ParkedCall, ParkedCalls } from '../net/parked-calls.ts';
import { FAILED_DEADLINE, FAILED_DETACHED, type Failure } from '../poll/index.ts';

/** So much of a write a stream is given at a time: what it has taken cannot be taken back. */
const PIECE = 64 * 1024;

/** One waiting write. */
class WriteCall extends ParkedCall<number> {
  readonly p: Uint8Array;
  readonly length: number;
  /** How much of it the stream has. */
  taken = 0;

  constructor(writes: DuplexWrites, p: Uint8Array, signal: AbortSignal | undefined) {
    super(writes, signal);
    this.p = p;
    this.length = p.length;
  }

  protected override aborted(reason: unknown): unknown {
    if (this.taken === 0) return reason;
    const details = { op: 'write', net: 'duplex', cause: reason, bytesWritten: this.taken };
    return new OpError('ERR_ABORTED', 'aborted', details);
  }
}

/** Writes into a Node stream, one after the other, each in pieces. */
export class DuplexWrites extends ParkedCalls<number, WriteCall> {
  readonly what = 'write duplex';
  readonly #stream: Duplex;
  readonly #errorOf: (failure: Failure, bytesWritten: number) => unknown;
  readonly #broken: (bytesWritten: number) => unknown;
  /** The stream has not said yet that it is through with the last piece. */
  #busy = false;

  constructor(
    stream: Duplex,
    errorOf: (failure: Failure, bytesWritten: number) => unknown,
    broken: (bytesWritten: number) => unknown,
  ) {
    super();
    this.#stream = stream;
    this.#errorOf = errorOf;
    this.#broken = broken;
  }

  write(p: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    if (this.expired) throw this.error(FAILED_DEADLINE, null);
    const writing = this.enter(new WriteCall(this, p, signal));
    this.#next();
    return writing;
  }

  #next(): void {
    while (!this.#busy && this.calls.size > 0) {
      const [call] = this.calls;
      if (call!.p.length !== call!.length) {
        call!.fail(FAILED_DETACHED);
        continue;
      }
      // A copy: after a deadline the buffer is its owner's again, while the stream still has this.
      const piece = Buffer.from(call!.p.subarray(call!.taken, call!.taken + PIECE));
      call!.taken += piece.length;
      this.#busy = true;
      this.#stream.write(piece, (error) => this.#took(call!, error));
    }
  }

  #took(call: WriteCall, error: Error | null | undefined): void {
    this.#busy = false;
    if (error) {
      this.breakAll();
      return;
    }
    if (call.taken === call.length && this.calls.has(call)) call.succeed(call.length);
    this.#next();
  }

  /** The stream has gone. */
  breakAll(): void {
    for (const call of [...this.calls]) call.break(this.#broken(call.taken));
  }

  error(failure: Failure, call: WriteCall | null): unknown {
    return this.#errorOf(failure, call?.taken ?? 0);
  }
}
