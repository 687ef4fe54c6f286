import type { Failure } from '../poll/index.ts';
import { FAILED_DEADLINE } from '../poll/index.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { type Parked, park } from '../runtime/park.ts';
import { onAbort, signalFault } from '../runtime/signal.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { beginWait, endWait, Wait } from '../runtime/waits.ts';

/** One call that waits for another goroutine of this process, not for the network. */
export class ParkedCall<T> extends Wait implements Parked<T> {
  readonly waitReason = 'select';
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;
  readonly #calls: ParkedCalls<T, ParkedCall<T>>;
  /** @internal */
  readonly signal: AbortSignal | undefined;

  // biome-ignore lint/suspicious/noExplicitAny: a queue of any kind of call, this one's included
  constructor(calls: ParkedCalls<T, any>, signal: AbortSignal | undefined) {
    super();
    this.#calls = calls;
    this.signal = signal;
  }

  override describeWait(): string {
    return this.#calls.what;
  }

  override get mayEndByItself(): boolean {
    return this.signal !== undefined;
  }

  /** @internal */
  start(): Promise<T> {
    const promise = park<T>(this);
    beginWait(this);
    if (this.signal !== undefined) onAbort(this.signal, this);
    return promise;
  }

  #end(): void {
    endWait(this);
    this.signal?.removeEventListener('abort', this);
    this.#calls.leave(this);
  }

  succeed(value: T): void {
    this.#end();
    this.resolve(value);
  }

  fail(failure: Failure): void {
    this.#end();
    this.reject(this.#calls.error(failure, this));
  }

  /** For a reason that is no failure of ours. */
  break(error: unknown): void {
    this.#end();
    this.reject(error);
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#end();
    this.reject(this.aborted(abortReason(this.signal!)));
  }

  protected aborted(reason: unknown): unknown {
    return reason;
  }
}

/** Calls that wait for the same thing, in their order, and the deadline of all of them. */
export abstract class ParkedCalls<T, C extends ParkedCall<T> = ParkedCall<T>> implements Timer {
  when = 0;
  index = -1;
  readonly holds = true;
  /** For the dump of waiting calls: 'read pipe' and so on. */
  abstract readonly what: string;
  readonly calls = new Set<C>();
  #deadline = 0;

  abstract error(failure: Failure, call: C | null): unknown;

  get expired(): boolean {
    return this.#deadline !== 0 && now() >= this.#deadline;
  }

  setDeadline(instant: number): void {
    this.#deadline = instant;
    // Never at once: whoever moves it on before the waiting calls have run has made no timeout.
    if (instant === 0) timers.delete(this);
    else if (this.calls.size > 0) timers.set(this, instant);
  }

  enter(call: C): Promise<T> {
    const fault = signalFault(call.signal);
    if (fault !== null) return Promise.reject(fault);
    this.calls.add(call);
    if (this.#deadline !== 0) timers.set(this, this.#deadline);
    return call.start();
  }

  /** @internal */
  leave(call: C): void {
    this.calls.delete(call);
    if (this.calls.size === 0) timers.delete(this);
  }

  fire(): void {
    if (!this.expired) return;
    this.lookOnce();
    this.failAll(FAILED_DEADLINE);
  }

  /** The deadline strikes after this: what was there before settles its calls. */
  protected lookOnce(): void {}

  failAll(failure: Failure): void {
    for (const call of [...this.calls]) call.fail(failure);
  }
}
