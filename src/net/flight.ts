import { abortReason } from '../runtime/failures.ts';
import { type Parked, park } from '../runtime/park.ts';
import { onAbort, signalFault } from '../runtime/signal.ts';
import { beginWait, endWait, Wait } from '../runtime/waits.ts';

/** How a lookup ends: once, by one of these. */
export interface Landing<T> {
  succeed(value: T): void;
  fail(error: unknown): void;
}

/** Gives a lookup up that nobody waits for any more. False: too late, a thread is at it and will say when it ends. */
export type Cancel = () => boolean;

/** One caller of a lookup, parked until it ends or the caller's signal fires. */
class Passenger<T> extends Wait implements Parked<T> {
  readonly waitReason = 'IO wait';
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;
  readonly #flight: Flight<T>;
  readonly #signal: AbortSignal | undefined;

  constructor(flight: Flight<T>, signal: AbortSignal | undefined) {
    super();
    this.#flight = flight;
    this.#signal = signal;
  }

  override describeWait(): string {
    return this.#flight.what;
  }

  board(): Promise<T> {
    const promise = park<T>(this);
    beginWait(this);
    if (this.#signal !== undefined) onAbort(this.#signal, this);
    return promise;
  }

  leave(): void {
    endWait(this);
    this.#signal?.removeEventListener('abort', this);
  }

  /** The signal fired. */
  handleEvent(): void {
    this.leave();
    this.reject(abortReason(this.#signal!));
    this.#flight.left(this);
  }
}

/** One lookup under way, and everybody who waits for it. */
class Flight<T> implements Landing<T> {
  readonly what: string;
  readonly #passengers = new Set<Passenger<T>>();
  readonly #over: () => void;
  #cancel: Cancel = () => false;
  #ended = false;

  constructor(what: string, over: () => void) {
    this.what = what;
    this.#over = over;
  }

  begin(start: (landing: Landing<T>) => Cancel): void {
    this.#cancel = start(this);
  }

  join(signal: AbortSignal | undefined): Promise<T> {
    const passenger = new Passenger<T>(this, signal);
    this.#passengers.add(passenger);
    return passenger.board();
  }

  left(passenger: Passenger<T>): void {
    this.#passengers.delete(passenger);
    if (this.#passengers.size === 0 && !this.#ended && this.#cancel()) this.#end();
  }

  succeed(value: T): void {
    for (const passenger of this.#end()) passenger.resolve(value);
  }

  fail(error: unknown): void {
    for (const passenger of this.#end()) passenger.reject(error);
  }

  #end(): Passenger<T>[] {
    if (this.#ended) return [];
    this.#ended = true;
    this.#over();
    const all = [...this.#passengers];
    this.#passengers.clear();
    for (const passenger of all) passenger.leave();
    return all;
  }
}

/**
 * Lookups by their question: who asks what is being asked already waits for the same answer. A caller whose signal
 * fires leaves at once and alone; when the last one has left, the lookup is given up where that is possible.
 * Where it is not, the next one who asks the same joins it.
 */
export class Flights<T> {
  readonly #inFlight = new Map<string, Flight<T>>();

  get size(): number {
    return this.#inFlight.size;
  }

  /**
   * @param what the question, in the words of a dump of waiting calls
   * @param start begins the lookup; the landing must be told of its end later, not within this call
   */
  share(
    key: string,
    what: string,
    signal: AbortSignal | undefined,
    start: (landing: Landing<T>) => Cancel,
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const fault = signalFault(signal);
    if (fault !== null) return Promise.reject(fault);
    let flight = this.#inFlight.get(key);
    if (flight === undefined) {
      const fresh = new Flight<T>(what, () => this.#inFlight.delete(key));
      flight = fresh;
      this.#inFlight.set(key, fresh);
      const promise = fresh.join(signal);
      try {
        fresh.begin(start);
      } catch (error) {
        fresh.fail(error);
      }
      return promise;
    }
    return flight.join(signal);
  }
}
