import { now } from '../../runtime/clock.ts';

/** Timers of the system are this late at worst, in milliseconds; from here on the event loop goes round and round. */
const CLOSE = 2.5;
const EARLY = 1.5;
/**
 * While nothing is due for longer than this, in milliseconds, each time round the event loop takes so long at least: an
 * immediate leaves 350 bytes behind, and half a million of them a second would be collected every 40 ms.
 */
const PAUSE = 0.004;
/** Messages in one go, before answers have their turn. */
const BURST = 256;

/**
 * Calls `send` at a rate, whatever becomes of what was sent: an open loop. It is told when the message was due, which
 * is what its latency counts from, however late this process is. Timers are too coarse for that (1 ms): shortly before
 * a message is due the event loop no longer sleeps, so an open loop keeps a core busy.
 */
export class Pacer {
  readonly #interval: number;
  readonly #poisson: boolean;
  readonly #send: (due: number) => void;
  #next = 0;
  #left = 0;
  #running = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(perSecond: number, poisson: boolean, send: (due: number) => void) {
    this.#interval = 1000 / perSecond;
    this.#poisson = poisson;
    this.#send = send;
  }

  start(messages: number): void {
    this.#left = messages;
    this.#next = now() + this.#gap();
    this.#running = true;
    this.#tick();
  }

  /** Nothing that is due after `at` is sent; what was due before is, at once. */
  stop(at: number): void {
    if (!this.#running) return;
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#sendDue(at, Number.POSITIVE_INFINITY);
  }

  #sendDue(at: number, most: number): void {
    for (let i = 0; i < most && this.#left > 0 && this.#next <= at; i++) {
      this.#left--;
      this.#send(this.#next);
      this.#next += this.#gap();
    }
  }

  #gap(): number {
    return this.#poisson ? -Math.log(1 - Math.random()) * this.#interval : this.#interval;
  }

  readonly #tick = (): void => {
    if (!this.#running) return;
    this.#timer = null;
    this.#sendDue(now(), BURST);
    if (this.#left === 0) return;
    const at = now();
    const ahead = this.#next - at;
    if (ahead < CLOSE) {
      if (ahead > PAUSE) while (now() - at < PAUSE);
      setImmediate(this.#tick);
    } else this.#timer = setTimeout(this.#tick, Math.floor(ahead - EARLY));
  };
}
