import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { park } from '../runtime/park.ts';
import { SignalLink } from '../runtime/signal-link.ts';
import { beginWait } from '../runtime/waits.ts';
import { ChanWaiter, NEXT, RECEIVE, RECEIVE_OK, SEND, type Wish } from './chan-waiter.ts';
import { CloseOfClosedError, SendOnClosedError } from './errors.ts';
import { Ring } from './ring.ts';
import { refused, type WaitOptions } from './wait-options.ts';
import { WaitQueue } from './wait-queue.ts';
import { done, doneWith } from './wake.ts';

/** What `take` gives where there is nothing: now, or ever again. */
export const EMPTY: unique symbol = Symbol('empty');
export const DRAINED: unique symbol = Symbol('drained');

let lastId = 0;

/**
 * A channel: values go from senders to receivers, in order, each to one receiver. Made by `chan`.
 *
 * Without a buffer a send waits for its receiver; with one only while the buffer is full. Any number of goroutines
 * may send and receive; whoever waits longest is served first. After `close` receivers get what is still buffered,
 * then the end. `for await` receives until then; leaving the loop closes nothing.
 *
 * What Go panics at, sending on a closed channel or closing it again, is a `MisuseError`: no I/O error, a bug.
 * Operations that succeed at once give the event loop its turn after 10 ms.
 *
 * @example
 * ```ts
 * import { chan, go } from 'gopark';
 *
 * const lines = chan<string>(16);
 * go(async () => {
 *   for (const line of ['a', 'b', 'c']) await lines.send(line);
 *   lines.close();
 * });
 * for await (const line of lines) console.log(line);
 * ```
 */
export class Chan<T> implements AsyncIterable<T> {
  /** How many values it holds without a receiver. */
  readonly capacity: number;
  /** @internal */
  readonly receivers: WaitQueue<ChanWaiter>;
  /** @internal */
  readonly senders: WaitQueue<ChanWaiter>;
  /**
   * Whether a timer sends here, which no goroutine has to: then a wait is no deadlock.
   * @internal
   */
  external = false;
  readonly #buffer = new Ring<T>();
  readonly #id = ++lastId;
  #closed = false;

  /** `chan` makes them. The queues are given by those whose values stand elsewhere. */
  constructor(capacity = 0, receivers = new WaitQueue<ChanWaiter>(), senders = new WaitQueue<ChanWaiter>()) {
    if (typeof capacity !== 'number') throw new ArgumentTypeError('capacity', 'a number', capacity);
    if (!Number.isSafeInteger(capacity) || capacity < 0) {
      throw new ArgumentRangeError('capacity', 'a whole number of at least 0', capacity);
    }
    this.capacity = capacity;
    this.receivers = receivers;
    this.senders = senders;
  }

  /** How many values are buffered. Go: `len(ch)`. */
  get length(): number {
    return this.#buffer.length;
  }

  /** Whether `close` was called. There may still be values to receive. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends `value`; resolves when a receiver or the buffer has it. Any value can be sent, also `undefined`; a promise
   * is better wrapped in an object, because `recv` cannot help awaiting it.
   *
   * @returns rejects with `SendOnClosedError` when the channel is closed, before or meanwhile, and with the signal's
   * reason; then the value was not sent.
   */
  send(value: T, options?: WaitOptions): Promise<void> {
    if (options !== undefined) {
      const refusal = refused(options);
      if (refusal !== null) return refusal;
    }
    if (this.#closed) return Promise.reject(new SendOnClosedError());
    if (this.put(value)) return done();
    return this.#park(SEND, value, options);
  }

  /**
   * Receives a value; `undefined` when the channel is closed and drained. Rejects only with the signal's reason; then
   * nothing was received.
   */
  recv(options?: WaitOptions): Promise<T | undefined> {
    if (options !== undefined) {
      const refusal = refused(options);
      if (refusal !== null) return refusal;
    }
    const value = this.take();
    if (value === EMPTY) return this.#park(RECEIVE, undefined, options);
    return doneWith(value === DRAINED ? undefined : value) as Promise<T | undefined>;
  }

  /** Like `recv`, but tells a value from the end: `[value, true]`, or `[undefined, false]`. Go: `v, ok := <-ch`. */
  recvOk(options?: WaitOptions): Promise<[value: T, ok: true] | [value: undefined, ok: false]> {
    if (options !== undefined) {
      const refusal = refused(options);
      if (refusal !== null) return refusal;
    }
    const value = this.take();
    if (value === EMPTY) return this.#park(RECEIVE_OK, undefined, options);
    return doneWith(value === DRAINED ? [undefined, false] : [value, true]);
  }

  /**
   * Sends if that needs no waiting, and says whether it did.
   *
   * @throws SendOnClosedError when the channel is closed.
   */
  trySend(value: T): boolean {
    if (this.#closed) throw new SendOnClosedError();
    return this.put(value);
  }

  /** Receives if that needs no waiting. `undefined` is "nothing now", and the end; `tryRecvOk` tells them apart. */
  tryRecv(): T | undefined {
    const value = this.take();
    return value === EMPTY || value === DRAINED ? undefined : value;
  }

  /** Like `recvOk` if that needs no waiting, else `null`. */
  tryRecvOk(): [value: T, ok: true] | [value: undefined, ok: false] | null {
    const value = this.take();
    if (value === EMPTY) return null;
    return value === DRAINED ? [undefined, false] : [value, true];
  }

  /**
   * No more values will come: receivers get what is buffered, then the end, waiting ones at once. Waiting senders
   * reject with `SendOnClosedError`. Only a sender should close, and nobody has to.
   *
   * @throws CloseOfClosedError when it is closed already.
   */
  close(): void {
    if (this.#closed) throw new CloseOfClosedError();
    this.#closed = true;
    const { receivers, senders } = this;
    for (let waiter = receivers.first; waiter !== null; waiter = receivers.first) {
      receivers.remove(waiter);
      waiter.receive(undefined, false);
    }
    for (let waiter = senders.first; waiter !== null; waiter = senders.first) {
      senders.remove(waiter);
      waiter.closed();
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => {
        const value = this.take();
        if (value === EMPTY) return this.#park(NEXT, undefined, undefined);
        return doneWith(
          value === DRAINED ? { value: undefined, done: true as const } : { value, done: false as const },
        ) as Promise<IteratorResult<T, undefined>>;
      },
      return: () => Promise.resolve({ value: undefined, done: true as const }),
    };
  }

  /**
   * Of an open channel: gives `value` to a receiver or to the buffer. False: nobody has room for it.
   * @internal
   */
  put(value: T): boolean {
    const receiver = this.receivers.first;
    if (receiver !== null) {
      this.receivers.remove(receiver);
      receiver.receive(value, true);
      return true;
    }
    if (this.#buffer.length >= this.capacity) return false;
    this.#buffer.push(value);
    return true;
  }

  /**
   * Takes the oldest value, from the buffer or from a sender.
   * @internal
   */
  take(): T | typeof EMPTY | typeof DRAINED {
    const sender = this.senders.first;
    if (this.#buffer.length > 0) {
      const value = this.#buffer.shift();
      if (sender !== null) {
        this.senders.remove(sender);
        this.#buffer.push(sender.value as T);
        sender.sent();
      }
      return value;
    }
    if (sender !== null) {
      this.senders.remove(sender);
      const value = sender.value as T;
      sender.sent();
      return value;
    }
    return this.#closed ? DRAINED : EMPTY;
  }

  /** @internal */
  get readyToReceive(): boolean {
    return this.#buffer.length > 0 || this.senders.first !== null || this.#closed;
  }

  /**
   * A send on a closed channel is ready, too: to fail.
   * @internal
   */
  get readyToSend(): boolean {
    return this.#closed || this.receivers.first !== null || this.#buffer.length < this.capacity;
  }

  /** @internal */
  describe(): string {
    const buffered = this.capacity === 0 ? '' : `, ${this.length} of ${this.capacity} buffered`;
    return `chan ${this.#id}${buffered}`;
  }

  #park<R>(wish: Wish, value: unknown, options: WaitOptions | undefined): Promise<R> {
    const waiter = new ChanWaiter(this as unknown as Chan<never>, wish, value, null);
    const queue = wish === SEND ? this.senders : this.receivers;
    const promise = park(waiter) as Promise<R>;
    queue.push(waiter);
    beginWait(waiter);
    const signal = options?.signal;
    if (signal !== undefined && signal !== null) waiter.link = new SignalLink(signal, waiter);
    return promise;
  }
}

/**
 * Makes a channel that holds up to `capacity` values; 0, the default, holds none: sender and receiver meet.
 * Go: `make(chan T, capacity)`.
 *
 * @throws RangeError when `capacity` is not a whole number of at least 0.
 *
 * @example
 * ```ts
 * import { chan, go } from 'gopark';
 *
 * const results = chan<number>();
 * for (const n of [1, 2, 3]) go(async () => results.send(n * n));
 * let sum = 0;
 * for (let i = 0; i < 3; i++) sum += (await results.recv())!;
 * console.log(sum); // 14
 * ```
 */
export function chan<T>(capacity = 0): Chan<T> {
  return new Chan<T>(capacity);
}
