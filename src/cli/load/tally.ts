import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { now } from '../../runtime/clock.ts';
import type { Progress } from './report.ts';

class Window {
  orders = 0;
  acks = 0;
  ticks = 0;
  readonly started = now();
  /** Microseconds. */
  readonly latency: RecordableHistogram = createHistogram();
}

/** Counts of the running second and of the whole run. */
export class Tally {
  connected = 0;
  #second = new Window();
  #whole = new Window();
  #errors = 0;
  #firstError = '';

  get unanswered(): number {
    return this.#whole.orders - this.#whole.acks;
  }

  ordered(): void {
    this.#second.orders++;
    this.#whole.orders++;
  }

  acknowledged(due: number): void {
    const microseconds = Math.max(1, Math.round((now() - due) * 1000));
    for (const window of [this.#second, this.#whole]) {
      window.acks++;
      window.latency.record(microseconds);
    }
  }

  ticked(): void {
    this.#second.ticks++;
    this.#whole.ticks++;
  }

  failed(why: string): void {
    if (this.#errors++ === 0) this.#firstError = why;
  }

  /** The measured run begins: what the ramp counted does not belong to it. */
  begin(): void {
    this.#second = new Window();
    this.#whole = new Window();
  }

  report(kind: Progress['kind']): Progress {
    const window = kind === 'end' ? this.#whole : this.#second;
    if (kind !== 'end') this.#second = new Window();
    return {
      kind,
      connected: this.connected,
      orders: window.orders,
      acks: window.acks,
      ticks: window.ticks,
      p50: window.latency.percentile(50),
      p99: window.latency.percentile(99),
      max: window.latency.max,
      seconds: (now() - window.started) / 1000,
      lost: this.unanswered,
      errors: this.#errors,
      firstError: this.#firstError,
    };
  }
}
