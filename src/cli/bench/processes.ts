import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { IOError } from '../../io/index.ts';
import { addCounts, type Counts, noCounts } from './counts.ts';
import type { Load, Plan, Recorder } from './load.ts';
import type { News, Order } from './orders.ts';

const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

/** A load from another process. */
class RemoteLoad implements Load {
  readonly #plan: Plan;
  readonly #recorder: Recorder;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  #closing = false;
  #counts = noCounts();
  #waiting: { resolve(counts: Counts): void; reject(error: unknown): void } | null = null;
  #spend: () => void = () => {};
  spent: Promise<void> = new Promise(() => {});

  constructor(plan: Plan, recorder: Recorder) {
    this.#plan = plan;
    this.#recorder = recorder;
    this.#process = fork(worker, [], { serialization: 'advanced' });
    this.#process.on('message', (news: News) => this.#told(news));
    this.#exited = new Promise((resolve) => {
      this.#process.once('error', (error) => this.#lost(error.message)).once('error', () => resolve());
      this.#process.once('exit', (code, signal) => {
        this.#lost(`it ended with ${code ?? signal}`);
        resolve();
      });
    });
  }

  #told(news: News): void {
    switch (news.news) {
      case 'latencies':
        for (const ns of news.latencies) this.#recorder.record(ns);
        break;
      case 'counts':
        this.#counts = news.counts;
        break;
      case 'spent':
        this.#spend();
        break;
      case 'done':
        this.#counts = news.counts;
        this.#waiting?.resolve(news.counts);
        break;
      case 'failed':
        this.#waiting?.reject(new IOError(news.code, news.message));
    }
  }

  #lost(why: string): void {
    if (this.#closing) return;
    const error = new IOError('ERR_LOAD_PROCESS', `a process of the load is gone: ${why}`);
    if (this.#waiting === null) this.#ask = () => Promise.reject(error);
    else this.#waiting.reject(error);
    this.#spend();
  }

  #tell(order: Order): void {
    // A process that is gone is noticed by 'exit'.
    if (this.#process.connected) this.#process.send(order, () => {});
  }

  #ask = (order: Order): Promise<Counts> =>
    new Promise<Counts>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#tell(order);
    }).finally(() => {
      this.#waiting = null;
    });

  async open(): Promise<void> {
    await this.#ask({ order: 'open', plan: this.#plan });
  }

  start(messages = Number.POSITIVE_INFINITY): void {
    this.spent = new Promise((resolve) => {
      this.#spend = resolve;
    });
    this.#tell({ order: 'start', messages });
  }

  rehearse(): void {
    this.#tell({ order: 'rehearse' });
  }

  measure(): void {
    this.#tell({ order: 'measure' });
  }

  halt(): Promise<Counts> {
    return this.#ask({ order: 'halt' });
  }

  counts(): Counts {
    return this.#counts;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#tell({ order: 'close' });
    await this.#exited;
  }
}

/** The `index`th of `parts` shares of a number, which add up to it. */
export function share(total: number, parts: number, index: number): number {
  if (total === Number.POSITIVE_INFINITY) return total;
  return Math.floor((total * (index + 1)) / parts) - Math.floor((total * index) / parts);
}

/** A load from several processes, each with its share of the connections, the rate and the messages. */
export class ManyLoads implements Load {
  readonly #loads: readonly Load[];
  spent: Promise<void> = new Promise(() => {});

  constructor(plan: Plan, processes: number, recorder: Recorder) {
    let firstConnection = plan.firstConnection;
    this.#loads = Array.from({ length: processes }, (_, i) => {
      const connections = share(plan.connections, processes, i);
      const part = connections / plan.connections;
      const own: Plan = {
        ...plan,
        connections,
        firstConnection,
        rate: plan.rate === null ? null : plan.rate * part,
        ramp: plan.ramp === null ? null : plan.ramp * part,
      };
      firstConnection += connections;
      return new RemoteLoad(own, recorder);
    });
  }

  async open(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.open()));
  }

  start(messages = Number.POSITIVE_INFINITY): void {
    this.#loads.forEach((load, i) => {
      load.start(share(messages, this.#loads.length, i));
    });
    this.spent = Promise.all(this.#loads.map((load) => load.spent)).then(() => {});
  }

  rehearse(): void {
    for (const load of this.#loads) load.rehearse();
  }

  measure(): void {
    for (const load of this.#loads) load.measure();
  }

  async halt(): Promise<Counts> {
    return addCounts(await Promise.all(this.#loads.map((load) => load.halt())));
  }

  counts(): Counts {
    return addCounts(this.#loads.map((load) => load.counts()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.close()));
  }
}
