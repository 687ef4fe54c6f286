import type { Alarm } from '../../poll/alarm.ts';
import { threadPoller } from '../../poll/index.ts';
import { now } from '../../runtime/clock.ts';
import { LoopAlarm } from './loop-alarm.ts';

/**
 * So long before a message is due, in milliseconds, the event loop no longer sleeps: to wake up takes longer than a message, on a
 * virtual machine 20 to 50 us. From 1,000 messages a second on it never sleeps.
 */
const CLOSE = 1;

/** The most exact one that there is. */
export function alarmFor(onDue: () => void): Alarm {
  const alarm = threadPoller().driver.alarm?.(onDue, CLOSE);
  return typeof alarm === 'object' ? alarm : new LoopAlarm(onDue);
}

/** Messages in one go, before answers have their turn. */
const BURST = 256;

/**
 * Calls `send` at a rate, whatever becomes of what was sent: an open loop. It is told when the message was due, which
 * is what its latency counts from, however late this process is.
 */
export class Pacer {
  readonly #interval: number;
  readonly #poisson: boolean;
  readonly #send: (due: number) => void;
  readonly #alarm: Alarm;
  #next = 0;
  #left = 0;
  #running = false;

  /** `alarmFor`: what is to ring when a message is due. */
  constructor(
    perSecond: number,
    poisson: boolean,
    send: (due: number) => void,
    alarmFor: (onDue: () => void) => Alarm,
  ) {
    this.#interval = 1000 / perSecond;
    this.#poisson = poisson;
    this.#send = send;
    this.#alarm = alarmFor(() => this.#ring());
  }

  start(messages: number): void {
    this.#left = messages;
    this.#next = now() + this.#gap();
    this.#running = true;
    this.#alarm.set(messages > 0 ? this.#next : Number.POSITIVE_INFINITY);
  }

  /** Nothing that is due after `at` is sent; what was due before is, at once. */
  stop(at: number): void {
    if (!this.#running) return;
    this.#running = false;
    this.#alarm.set(Number.POSITIVE_INFINITY);
    this.#sendDue(at, Number.POSITIVE_INFINITY);
  }

  /** It will not be started again. */
  close(): void {
    this.#running = false;
    this.#alarm.close();
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

  #ring(): void {
    if (!this.#running) return;
    this.#sendDue(now(), BURST);
    this.#alarm.set(this.#left > 0 ? this.#next : Number.POSITIVE_INFINITY);
  }
}
