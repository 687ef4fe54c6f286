import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { type Abortable, SignalLink } from '../runtime/signal-link.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { Chan, DRAINED, EMPTY } from './chan.ts';
import { ChanWaiter, RECEIVE, SEND } from './chan-waiter.ts';
import { SendOnClosedError } from './errors.ts';
import type { Arm, Selection } from './selection.ts';
import { checkSignal } from './wait-options.ts';

/** What a case that was done gives its handler. */
interface Performed {
  readonly value: unknown;
  readonly ok: boolean;
}

/**
 * One case of a `select`, as `recv`, `send`, `timeout`, `aborted` and `otherwise` make them. It only describes: the
 * same case may be used again and again, in a loop for instance.
 *
 * @example
 * ```ts
 * import { chan, recv, type SelectCase, select } from 'gopark/sync';
 *
 * const channels = [chan<number>(1), chan<number>(1)];
 * const cases: SelectCase<number | undefined>[] = channels.map((ch) => recv(ch));
 * channels[1]!.trySend(7);
 * console.log(await select(...cases)); // 7
 * ```
 */
export abstract class SelectCase<R> {
  /** Only for the type. */
  declare readonly result: R;
  /** @internal */
  abstract readonly ready: boolean;
  /**
   * Of a ready case: does it, and gives what `run` takes; null when another thread was faster.
   * @internal
   */
  abstract perform(): Performed | null;
  /**
   * Waits for it; null when it never will be ready.
   * @internal
   */
  abstract arm(selection: Selection): Arm | null;
  /**
   * The handler, or what stands for it.
   * @internal
   */
  abstract run(value: unknown, ok: boolean): unknown;
  /** @internal */
  describe(): string {
    return '';
  }
  /**
   * Whether it may become ready without any goroutine's doing.
   * @internal
   */
  get external(): boolean {
    return false;
  }
}

function checkHandler(fn: unknown): void {
  if (fn !== undefined && typeof fn !== 'function') throw new ArgumentTypeError('fn', 'a function', fn);
}

/** A nil channel is null or undefined. */
function checkChannel(ch: unknown): void {
  if (ch !== null && ch !== undefined && !(ch instanceof Chan)) {
    throw new ArgumentTypeError('ch', 'a channel or null', ch);
  }
}

class ReceiveCase extends SelectCase<unknown> {
  readonly #channel: Chan<unknown> | null;
  readonly #fn: ((value: unknown, ok: boolean) => unknown) | undefined;

  constructor(channel: Chan<unknown> | null, fn: ((value: unknown, ok: boolean) => unknown) | undefined) {
    super();
    this.#channel = channel;
    this.#fn = fn;
  }

  get ready(): boolean {
    return this.#channel?.readyToReceive ?? false;
  }

  perform(): Performed | null {
    const value = this.#channel!.take();
    if (value === EMPTY) return null;
    return value === DRAINED ? { value: undefined, ok: false } : { value, ok: true };
  }

  arm(selection: Selection): Arm | null {
    const channel = this.#channel;
    if (channel === null) return null;
    const waiter = new ChanWaiter(channel as Chan<never>, RECEIVE, undefined, selection);
    channel.receivers.push(waiter);
    return waiter;
  }

  run(value: unknown, ok: boolean): unknown {
    return this.#fn === undefined ? value : this.#fn(value, ok);
  }

  override describe(): string {
    return this.#channel === null ? '' : `receive ${this.#channel.describe()}`;
  }

  override get external(): boolean {
    return this.#channel?.external ?? false;
  }
}

class SendCase extends SelectCase<unknown> {
  readonly #channel: Chan<unknown> | null;
  readonly #value: unknown;
  readonly #fn: (() => unknown) | undefined;

  constructor(channel: Chan<unknown> | null, value: unknown, fn: (() => unknown) | undefined) {
    super();
    this.#channel = channel;
    this.#value = value;
    this.#fn = fn;
  }

  get ready(): boolean {
    return this.#channel?.readyToSend ?? false;
  }

  perform(): Performed | null {
    const channel = this.#channel!;
    if (channel.closed) throw new SendOnClosedError();
    return channel.put(this.#value) ? { value: undefined, ok: true } : null;
  }

  arm(selection: Selection): Arm | null {
    const channel = this.#channel;
    if (channel === null) return null;
    const waiter = new ChanWaiter(channel as Chan<never>, SEND, this.#value, selection);
    channel.senders.push(waiter);
    return waiter;
  }

  run(): unknown {
    return this.#fn?.();
  }

  override describe(): string {
    return this.#channel === null ? '' : `send ${this.#channel.describe()}`;
  }
}

class TimeoutArm implements Timer, Arm {
  when = 0;
  index = -1;
  readonly holds = true;
  readonly #selection: Selection;

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  fire(): void {
    this.#selection.choose(this, undefined, true);
  }

  disarm(): void {
    timers.delete(this);
  }
}

class TimeoutCase extends SelectCase<unknown> {
  readonly #ms: number;
  readonly #fn: (() => unknown) | undefined;

  constructor(ms: number, fn: (() => unknown) | undefined) {
    super();
    this.#ms = ms;
    this.#fn = fn;
  }

  /** Time passes only while somebody waits. */
  get ready(): boolean {
    return false;
  }

  perform(): Performed {
    return { value: undefined, ok: true };
  }

  arm(selection: Selection): Arm | null {
    if (this.#ms === Number.POSITIVE_INFINITY) return null;
    const arm = new TimeoutArm(selection);
    timers.set(arm, now() + this.#ms);
    return arm;
  }

  run(): unknown {
    return this.#fn?.();
  }

  override describe(): string {
    return `timeout ${this.#ms} ms`;
  }
}

class AbortArm implements Arm, Abortable {
  readonly #selection: Selection;
  readonly #link: SignalLink;

  constructor(selection: Selection, signal: AbortSignal) {
    this.#selection = selection;
    this.#link = new SignalLink(signal, this);
  }

  aborted(reason: unknown): void {
    this.#selection.choose(this, reason, true);
  }

  disarm(): void {
    this.#link.release();
  }
}

class AbortedCase extends SelectCase<unknown> {
  readonly #signal: AbortSignal;
  readonly #fn: ((reason: unknown) => unknown) | undefined;

  constructor(signal: AbortSignal, fn: ((reason: unknown) => unknown) | undefined) {
    super();
    this.#signal = signal;
    this.#fn = fn;
  }

  get ready(): boolean {
    return this.#signal.aborted;
  }

  perform(): Performed {
    return { value: abortReason(this.#signal), ok: true };
  }

  arm(selection: Selection): Arm {
    return new AbortArm(selection, this.#signal);
  }

  run(reason: unknown): unknown {
    if (this.#fn === undefined) throw reason;
    return this.#fn(reason);
  }

  override describe(): string {
    return 'a signal';
  }

  override get external(): boolean {
    return true;
  }
}

/** What happens when no other case is ready: with it a select never waits. */
export class OtherwiseCase extends SelectCase<unknown> {
  readonly #fn: (() => unknown) | undefined;

  constructor(fn: (() => unknown) | undefined) {
    super();
    this.#fn = fn;
  }

  get ready(): boolean {
    return false;
  }

  perform(): Performed {
    return { value: undefined, ok: true };
  }

  arm(): null {
    return null;
  }

  run(): unknown {
    return this.#fn?.();
  }
}

/**
 * A case of `select`: a value is received from `ch`, or its end (then `ok` is false). Without `fn` the select gives
 * the value. A nil channel, `null` or `undefined`, is never ready: that switches a case off. Where `ok` was looked
 * at, TypeScript knows whether there is a value.
 *
 * @example
 * ```ts
 * import { chan, recv, select } from 'gopark';
 *
 * const quotes = chan<number>(1);
 * await quotes.send(101.5);
 * await select(recv(quotes, (quote, ok) => console.log(ok ? quote : 'the end')));
 * ```
 */
export function recv<T>(ch: Chan<T> | null | undefined): SelectCase<T | undefined>;
export function recv<T, R>(
  ch: Chan<T> | null | undefined,
  fn: (...received: [value: T, ok: true] | [value: undefined, ok: false]) => R,
): SelectCase<Awaited<R>>;
export function recv<T, R>(
  ch: Chan<T> | null | undefined,
  fn: (value: T | undefined) => R,
): SelectCase<Awaited<R>>;
export function recv(ch: Chan<unknown> | null | undefined, fn?: (value: never, ok: never) => unknown) {
  checkChannel(ch);
  checkHandler(fn);
  return new ReceiveCase(ch ?? null, fn as ((value: unknown, ok: boolean) => unknown) | undefined);
}

/**
 * A case of `select`: `value` is sent on `ch`. A nil channel, `null` or `undefined`, is never ready. A closed one is,
 * and the select rejects with `SendOnClosedError` when this case is chosen.
 *
 * @example
 * ```ts
 * import { chan, otherwise, select, send } from 'gopark';
 *
 * const updates = chan<string>(1);
 * await select(
 *   send(updates, 'tick', () => console.log('taken')),
 *   otherwise(() => console.log('dropped')),
 * );
 * ```
 */
export function send<T>(ch: Chan<T> | null | undefined, value: T): SelectCase<undefined>;
export function send<T, R>(ch: Chan<T> | null | undefined, value: T, fn: () => R): SelectCase<Awaited<R>>;
export function send(ch: Chan<unknown> | null | undefined, value: unknown, fn?: () => unknown): unknown {
  checkChannel(ch);
  checkHandler(fn);
  return new SendCase(ch ?? null, value, fn);
}

/**
 * A case of `select`: it has waited for `ms` milliseconds. 0 or less: as soon as the event loop has been asked once;
 * Infinity: never. Keeps the process alive meanwhile. Go: `case <-time.After(d)`.
 *
 * @throws RangeError when `ms` is not a number.
 *
 * @example
 * ```ts
 * import { chan, recv, select, timeout } from 'gopark';
 *
 * const answers = chan<string>();
 * console.log(await select(recv(answers), timeout(10, () => 'no answer'))); // no answer
 * ```
 */
export function timeout(ms: number): SelectCase<undefined>;
export function timeout<R>(ms: number, fn: () => R): SelectCase<Awaited<R>>;
export function timeout(ms: number, fn?: () => unknown): unknown {
  if (typeof ms !== 'number') throw new ArgumentTypeError('ms', 'a number', ms);
  if (Number.isNaN(ms)) throw new ArgumentRangeError('ms', 'a number of milliseconds', ms);
  checkHandler(fn);
  return new TimeoutCase(Math.max(0, ms), fn);
}

/**
 * A case of `select`: the signal has fired. Without `fn` the select rejects with the signal's reason.
 * Go: `case <-ctx.Done()`.
 *
 * @example
 * ```ts
 * import { aborted, chan, recv, select } from 'gopark';
 *
 * const { signal } = new AbortController();
 * const jobs = chan<string>(1);
 * await jobs.send('work');
 * const job = await select(recv(jobs), aborted(signal, () => null));
 * console.log(job); // work
 * ```
 */
export function aborted(signal: AbortSignal): SelectCase<never>;
export function aborted<R>(signal: AbortSignal, fn: (reason: unknown) => R): SelectCase<Awaited<R>>;
export function aborted(signal: AbortSignal, fn?: (reason: unknown) => unknown): unknown {
  checkSignal(signal);
  checkHandler(fn);
  return new AbortedCase(signal, fn);
}

/**
 * A case of `select`: no other is ready. A select with it never waits. Go: `default`.
 *
 * @example
 * ```ts
 * import { chan, otherwise, recv, select } from 'gopark';
 *
 * const inbox = chan<string>();
 * console.log(await select(recv(inbox), otherwise(() => 'nothing yet')));
 * ```
 */
export function otherwise(): SelectCase<undefined>;
export function otherwise<R>(fn: () => R): SelectCase<Awaited<R>>;
export function otherwise(fn?: () => unknown): unknown {
  checkHandler(fn);
  return new OtherwiseCase(fn);
}
