import { Worker } from 'node:worker_threads';
import type { Detached } from '../net/index.ts';
import { type Load, LoadCell } from './load.ts';
import type { Order, ProcData, Report } from './messages.ts';
import type { Plan } from './options.ts';

const main = new URL(import.meta.url.endsWith('.ts') ? './proc/main.ts' : './proc/main.js', import.meta.url);

const STRIP_TYPES = '--experimental-strip-types';

/** Node runs TypeScript by itself, with a flag, or with a loader of the user's, which workers inherit. */
function flagsFor(handler: string): { execArgv?: string[] } {
  const features = process.features as { typescript?: false | string };
  const needed =
    /\.[cm]?ts$/.test(handler) &&
    !features.typescript &&
    process.allowedNodeEnvironmentFlags.has(STRIP_TYPES);
  return needed ? { execArgv: [STRIP_TYPES] } : {};
}

/** Where a P is in its life. */
export type ProcState = 'starting' | 'ready' | 'draining' | 'ended';

/** One P, seen from the thread that has started it. */
export class ProcThread {
  readonly index: number;
  /** Node forgets it when the thread ends. */
  readonly threadId: number;
  state: ProcState = 'starting';
  readonly born: number = performance.now();
  readonly #worker: Worker;
  readonly #load = new LoadCell();
  /** Resolves with where it listens. */
  readonly ready: Promise<string>;
  /** Resolves when it has ended; with why, when it should not have. */
  readonly gone: Promise<Error | null>;
  /** It could not take a connection. */
  onRefused: (detached: Detached) => void = () => {};
  #error: Error | null = null;
  #cutOff = 0;

  constructor(plan: Plan, index: number, address: string) {
    this.index = index;
    const { network, handler, procs, intake, listenOptions: options, data } = plan;
    const workerData: ProcData = {
      ...{ index, procs, handler, intake, network, address, options, data },
      load: this.#load.memory,
    };
    this.#worker = new Worker(main, {
      workerData,
      ...flagsFor(handler),
      name: `P ${index}`,
      ...(plan.resourceLimits === undefined ? {} : { resourceLimits: plan.resourceLimits }),
    });
    const worker = this.#worker;
    this.threadId = worker.threadId;
    this.gone = new Promise((resolve) => {
      worker.on('error', (error: unknown) => {
        this.#error = error instanceof Error ? error : new Error(String(error));
      });
      worker.on('exit', (code) => {
        const expected = this.state === 'ended' || this.state === 'draining';
        this.state = 'ended';
        this.#load.clear();
        resolve(
          expected && this.#error === null
            ? null
            : (this.#error ?? new Error(`P ${index} has exited with ${code}`)),
        );
      });
    });
    this.ready = new Promise((resolve, reject) => {
      worker.on('message', (report: Report) => this.#reported(report, resolve));
      this.gone.then((error) => reject(error ?? new Error(`P ${index} was stopped before it was ready`)));
    });
    // Told to who waits for it; a P that dies later has been ready.
    this.ready.catch(() => {});
  }

  get load(): Load {
    return this.#load.load;
  }

  #reported(report: Report, ready: (address: string) => void): void {
    switch (report.kind) {
      case 'ready':
        if (this.state === 'starting') this.state = 'ready';
        ready(report.address);
        break;
      case 'refused':
        this.onRefused(report.detached);
        break;
      case 'ended':
        this.#cutOff = report.cutOff;
        this.stop();
        break;
    }
  }

  hand(detached: Detached): void {
    this.#load.sent();
    this.#say({ kind: 'conn', detached });
  }

  /** Ends it when its connections have ended, at the latest in `timeout` milliseconds. How many it had to cut off. */
  async drain(timeout: number): Promise<number> {
    if (this.state === 'ended') return 0;
    if (this.state === 'starting') {
      this.stop();
    } else {
      this.state = 'draining';
      this.#say({ kind: 'shutdown', timeout });
    }
    await this.gone;
    return this.#cutOff;
  }

  /** Ends it now. What it had written still goes out. */
  stop(): void {
    this.state = 'ended';
    // Its end is what `gone` tells.
    void this.#worker.terminate();
  }

  #say(order: Order): void {
    this.#worker.postMessage(order);
  }
}
