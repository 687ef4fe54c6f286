import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { now } from '../../runtime/clock.ts';
import type { Progress } from './report.ts';

class Window {
  orders = 0;
  acks = 0;
  ticks = 0;
  skipped = 0;
  readonly started = now();
  /** Microseconds. */
  readonly latency: RecordableHistogram = createHistogram();
}

/** Counts of the running second and of the whole phase. */
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

  /** Runs a tryWrite: whether its bytes are on their way. */
  attempt(tryWrite: () => boolean): boolean {
    try {
      if (tryWrite()) return true;
      this.#second.skipped++;
      this.#whole.skipped++;
    } catch (error) {
      this.failed(String(error));
    }
    return false;
  }

  acknowledged(since: number): void {
    const microseconds = Math.max(1, Math.round((now() - since) * 1000));
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

  /** A phase begins: what came before it does not belong to it. */
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
      skipped: window.skipped,
      lost: this.unanswered,
      errors: this.#errors,
      firstError: this.#firstError,
    };
  }
}
