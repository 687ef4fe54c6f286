import { ArgumentRangeError } from '../io/index.ts';
import { now } from '../runtime/clock.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { Chan } from './chan.ts';
import { select } from './select.ts';
import { recv } from './select-cases.ts';

/** The shortest time between two ticks, in milliseconds: what the event loop's own timers can do. */
const SHORTEST = 1;

/** What the heap of timers needs of it, out of the program's sight. */
class Pulse implements Timer {
  when = 0;
  index = -1;
  holds = true;
  readonly fire: () => void;

  constructor(fire: () => void) {
    this.fire = fire;
  }
}

/**
 * Ticks at regular intervals, on the channel `c`. Who is slow misses ticks: one is kept, those that come while nobody has
 * taken it are dropped, and the rhythm stays. Go: `time.Ticker`. Made by `ticker`.
 *
 * `for await` over the ticker itself ends when it is stopped. A receive from `c` does not: as in Go, `stop` does not
 * close the channel, so that no select takes its end for a tick.
 *
 * It keeps the process alive until it is stopped, unless `unref` is called.
 *
 * @example
 * ```ts
 * import { Ticker, ticker } from 'gopark';
 *
 * const beat: Ticker = ticker(500);
 * let beats = 0;
 * for await (const at of beat) {
 *   console.log(at.toISOString());
 *   if (++beats === 3) beat.stop();
 * }
 * ```
 */
export class Ticker implements AsyncIterable<Date>, Disposable {
  /** Receives the time of each tick. */
  readonly c: Chan<Date> = new Chan<Date>(1);
  #interval: number;
  readonly #pulse: Pulse;
  #stopped = new Chan<never>();

  /** @internal */
  constructor(ms: number) {
    this.#interval = checkInterval(ms);
    this.#pulse = new Pulse(() => this.#tick());
    this.#arm(now() + this.#interval);
  }

  /** Milliseconds between two ticks. */
  get interval(): number {
    return this.#interval;
  }

  /** Ends the ticks; one that nobody has taken is dropped. Once more does nothing. */
  stop(): void {
    timers.delete(this.#pulse);
    this.c.external = false;
    this.c.tryRecv();
    if (!this.#stopped.closed) this.#stopped.close();
  }

  /** Ticks every `ms` milliseconds, the first time so long after now; also after `stop`. */
  reset(ms: number): void {
    this.#interval = checkInterval(ms);
    if (this.#stopped.closed) this.#stopped = new Chan<never>();
    this.#arm(now() + this.#interval);
  }

  /** From now on it keeps no process alive. */
  unref(): this {
    const pulse = this.#pulse;
    const active = pulse.index >= 0;
    // The heap counts those that hold when they come and when they go.
    timers.delete(pulse);
    pulse.holds = false;
    if (active) this.#arm(pulse.when);
    return this;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Date, void, undefined> {
    const stopped = this.#stopped;
    for (;;) {
      // A tick that came before the end is dropped with it: stop means no more ticks.
      if (stopped.closed) return;
      const tick = await select(
        recv(this.c),
        recv(stopped, () => null),
      );
      if (tick === null || tick === undefined) return;
      yield tick;
    }
  }

  #arm(when: number): void {
    // A ticker that holds no process may still end a wait: that is no deadlock.
    this.c.external = true;
    timers.set(this.#pulse, when);
  }

  #tick(): void {
    const instant = now();
    const late = instant - this.#pulse.when;
    // Ticks that a held event loop has missed are not made up for.
    this.#arm(instant + this.#interval - (late % this.#interval));
    this.c.trySend(new Date());
  }
}

function checkInterval(ms: number): number {
  if (typeof ms !== 'number' || !(ms > 0)) {
    throw new ArgumentRangeError('the interval of a ticker', 'milliseconds above 0', ms);
  }
  return Math.max(SHORTEST, ms);
}

/**
 * A ticker with `ms` milliseconds between two ticks; less than 1 means 1. Go: `time.NewTicker`.
 *
 * @throws ArgumentRangeError unless `ms` is above 0.
 *
 * @example
 * ```ts
 * import { chan, recv, select, ticker } from 'gopark';
 *
 * using seconds = ticker(1000);
 * const orders = chan<string>();
 * for (let going = true; going; ) {
 *   going = await select(
 *     recv(orders, (order, ok) => { console.log(order); return ok; }),
 *     recv(seconds.c, (at) => { console.log('idle at', at); return false; }),
 *   );
 * }
 * ```
 */
export function ticker(ms: number): Ticker {
  return new Ticker(ms);
}
