import { checkBytes } from '../io/arguments.ts';
import { EPIPE, FAILED_CLOSED, FAILED_DEADLINE, FAILED_DETACHED, type Failure } from '../poll/index.ts';
import { abortReason } from '../runtime/failures.ts';
import type { Addr } from './addr.ts';
import type { CallOptions, Conn } from './conn.ts';
import { DeadlineSetters } from './deadline-setters.ts';
import { ClosedError, OpError, operationError } from './errors.ts';
import { ParkedCall, ParkedCalls } from './parked-calls.ts';
import { TakingTurns } from './taking-turns.ts';

/** Of both ends of a `pipe`, which are nowhere in particular. */
const PIPE_ADDR: Addr = Object.freeze({ network: 'pipe', toString: () => 'pipe' });

/** One waiting read or write. */
class PipeCall<T> extends ParkedCall<T> {
  readonly p: Uint8Array;
  readonly length: number;
  /** How much of a write readers have taken. */
  taken = 0;

  constructor(side: Side<T>, p: Uint8Array, signal: AbortSignal | undefined) {
    super(side, signal);
    this.p = p;
    this.length = p.length;
  }

  protected override aborted(reason: unknown): unknown {
    if (this.taken === 0) return reason;
    const details = { op: 'write', net: 'pipe', cause: reason, bytesWritten: this.taken };
    return new OpError('ERR_ABORTED', 'aborted', details);
  }
}

/** One direction of one end. */
class Side<T> extends ParkedCalls<T, PipeCall<T>> {
  readonly op: 'read' | 'write';
  readonly #lane: Lane;

  constructor(op: 'read' | 'write', lane: Lane) {
    super();
    this.op = op;
    this.#lane = lane;
  }

  protected override lookOnce(): void {
    this.#lane.matchNow();
  }

  get what(): string {
    return `${this.op} pipe`;
  }

  error(failure: Failure, call: PipeCall<T> | null = null): OpError {
    const counts = this.op === 'write' ? { bytesWritten: call?.taken ?? 0 } : {};
    return operationError(failure, { op: this.op, net: 'pipe' }, counts);
  }
}

/** From one end's writers to the other end's readers. */
class Lane {
  readonly reading: Side<number | null> = new Side('read', this);
  readonly writing: Side<number> = new Side('write', this);
  /** Brings first readers and first writers together. */
  readonly #pairs = new TakingTurns(
    () => this.#hasPair,
    () => this.#pair(),
  );

  match(): void {
    this.#pairs.go();
  }

  matchNow(): void {
    this.#pairs.goNow();
  }

  get #hasPair(): boolean {
    return this.reading.calls.size > 0 && this.writing.calls.size > 0;
  }

  #pair(): boolean {
    const [read] = this.reading.calls;
    const [write] = this.writing.calls;
    if (read!.p.length === 0) read!.fail(FAILED_DETACHED);
    else if (write!.p.length !== write!.length) write!.fail(FAILED_DETACHED);
    else this.#move(read!, write!);
    return true;
  }

  #move(read: PipeCall<number | null>, write: PipeCall<number>): void {
    const n = Math.min(read.p.length, write.length - write.taken);
    read.p.set(write.p.subarray(write.taken, write.taken + n));
    write.taken += n;
    read.succeed(n);
    if (write.taken === write.length) write.succeed(write.length);
  }
}

/**
 * One end of a `pipe`. As all connections it takes any number of readers and writers at a time.
 *
 * Where the peer has closed, reads give `null` and writes reject with an OpError `EPIPE`, as on a socket; Go gives
 * `io.ErrClosedPipe`.
 */
class PipeConn extends DeadlineSetters implements Conn {
  readonly localAddr: Addr = PIPE_ADDR;
  readonly remoteAddr: Addr = PIPE_ADDR;
  readonly #in: Lane;
  readonly #out: Lane;
  #peer!: PipeConn;
  #closed = false;

  constructor(incoming: Lane, outgoing: Lane) {
    super();
    this.#in = incoming;
    this.#out = outgoing;
  }

  static pair(): [PipeConn, PipeConn] {
    const lanes = [new Lane(), new Lane()] as const;
    const a = new PipeConn(lanes[0], lanes[1]);
    const b = new PipeConn(lanes[1], lanes[0]);
    a.#peer = b;
    b.#peer = a;
    return [a, b];
  }

  async read(p: Uint8Array, options?: CallOptions): Promise<number | null> {
    checkBytes(p);
    const signal = options?.signal;
    const side = this.#in.reading;
    if (this.#closed) throw side.error(FAILED_CLOSED);
    if (signal?.aborted) throw abortReason(signal);
    if (p.length === 0) return 0;
    if (this.#peer.#closed) return null;
    if (side.expired) throw side.error(FAILED_DEADLINE);
    const reading = side.enter(new PipeCall(side, p, signal));
    this.#in.match();
    return reading;
  }

  async write(p: Uint8Array, options?: CallOptions): Promise<number> {
    checkBytes(p);
    const signal = options?.signal;
    const side = this.#out.writing;
    if (this.#closed) throw side.error(FAILED_CLOSED);
    if (signal?.aborted) throw abortReason(signal);
    if (this.#peer.#closed) throw side.error(EPIPE);
    if (side.expired) throw side.error(FAILED_DEADLINE);
    if (p.length === 0) return 0;
    const writing = side.enter(new PipeCall(side, p, signal));
    this.#out.match();
    return writing;
  }

  protected override setInstants(instant: number, reading: boolean, writing: boolean): void {
    if (this.#closed) throw new ClosedError({ op: 'set', net: 'pipe' });
    if (reading) this.#in.reading.setDeadline(instant);
    if (writing) this.#out.writing.setDeadline(instant);
  }

  async close(): Promise<void> {
    if (this.#closed) throw new ClosedError({ op: 'close', net: 'pipe' });
    this.closeNow();
  }

  closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#in.reading.failAll(FAILED_CLOSED);
    this.#out.writing.failAll(FAILED_CLOSED);
    for (const read of [...this.#out.reading.calls]) read.succeed(null);
    this.#in.writing.failAll(EPIPE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closeNow();
  }
}

/**
 * Two ends of a connection in memory, without a buffer: a write resolves when reads at the other end have taken all
 * of it. Deadlines, signals and closing are those of any Conn, so it stands in for a network in tests. Go:
 * `net.Pipe`; an empty write resolves at once here, and is not shown to the reader.
 *
 * @example
 * ```ts
 * import { readAll } from 'gopark/io';
 * import { pipe } from 'gopark/net';
 *
 * const [client, server] = pipe();
 * const received = readAll(server);
 * await client.write(new TextEncoder().encode('hello'));
 * await client.close();
 * console.log((await received).length); // 5
 * ```
 */
export function pipe(): [Conn, Conn] {
  return PipeConn.pair();
}
