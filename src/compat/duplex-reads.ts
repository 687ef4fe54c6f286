import type { Duplex } from 'node:stream';
import { ParkedCall, ParkedCalls } from '../net/parked-calls.ts';
import { TakingTurns } from '../net/taking-turns.ts';
import { FAILED_DEADLINE, FAILED_DETACHED, type Failure } from '../poll/index.ts';

/** One waiting read. */
export class ReadCall extends ParkedCall<number | null> {
  readonly p: Uint8Array;

  constructor(reads: DuplexReads, p: Uint8Array, signal: AbortSignal | undefined) {
    super(reads, signal);
    this.p = p;
  }
}

/** Reads from a Node stream, in their order: each takes what the stream has when its turn comes. */
export class DuplexReads extends ParkedCalls<number | null, ReadCall> {
  readonly what = 'read duplex';
  readonly #stream: Duplex;
  readonly #errorOf: (failure: Failure) => unknown;
  readonly #broken: () => unknown;
  readonly #turns = new TakingTurns(
    () => this.calls.size > 0,
    () => this.#one(),
  );

  constructor(stream: Duplex, errorOf: (failure: Failure) => unknown, broken: () => unknown) {
    super();
    this.#stream = stream;
    this.#errorOf = errorOf;
    this.#broken = broken;
  }

  read(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    if (this.expired) throw this.error(FAILED_DEADLINE);
    const reading = this.enter(new ReadCall(this, p, signal));
    this.match();
    return reading;
  }

  /** Gives waiting reads what is there. */
  match(): void {
    this.#turns.go();
  }

  #one(): boolean {
    const [call] = this.calls;
    const stream = this.#stream;
    if (call!.p.length === 0) {
      call!.fail(FAILED_DETACHED);
      return true;
    }
    const size = Math.min(call!.p.length, stream.readableLength);
    if (size > 0) {
      const chunk: Uint8Array = stream.read(size);
      call!.p.set(chunk);
      call!.succeed(size);
      return true;
    }
    if (stream.readableEnded) {
      call!.succeed(null);
      return true;
    }
    const broken = this.#broken();
    if (broken !== null) {
      call!.break(broken);
      return true;
    }
    // Asks for more: 'readable', 'end' or an error will tell.
    stream.read(0);
    return stream.readableLength > 0;
  }

  /**
   * What reached this machine in time counts: timers come before the kernel is asked what has arrived, and what has
   * may take another turn of the event loop through the streams below.
   */
  override fire(): void {
    setImmediate(() => setImmediate(() => super.fire()));
  }

  protected override lookOnce(): void {
    this.#turns.goNow();
  }

  error(failure: Failure): unknown {
    return this.#errorOf(failure);
  }
}
