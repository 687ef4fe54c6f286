import { Worker } from 'node:worker_threads';
import { type Load, LoadCell } from './load.ts';
import type { Handed, Order, ProcData, Report, Shed, ShedOrder } from './messages.ts';
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

/**
 * Where a P is in its life.
 *
 * @example
 * ```ts
 * import { type ProcState, serve } from 'gopark/serve';
 *
 * const server = await serve({ listen: 'tcp://127.0.0.1:9000', handler: new URL('./handler.js', import.meta.url) });
 * const states: ProcState[] = server.procs.map(({ state }) => state);
 * console.log(states);
 * ```
 */
export type ProcState = 'starting' | 'ready' | 'draining' | 'ended';

/** A connection that was handed over and that it has not taken yet. */
interface Pending {
  readonly handed: Handed;
  readonly at: number;
}

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
  onRefused: (handed: Handed) => void = () => {};
  /** It gives one away. */
  onShed: (shed: Shed) => void = () => {};
  /** In the order in which it will take them; null: somebody else was given it meanwhile. */
  readonly #pending: (Pending | null)[] = [];
  #handed = 0;
  /** Those of the list that are not null. */
  #onTheirWay = 0;
  #error: Error | null = null;
  #cutOff = 0;

  constructor(plan: Plan, index: number, address: string) {
    this.index = index;
    const { network, handler, procs, intake, listenOptions: options, data } = plan;
    const workerData: ProcData = {
      ...{ index, procs, handler, intake, network, address, options, data },
      rest: plan.balance?.rest ?? 0,
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
    this.#forgetTaken();
    const { load } = this.#load;
    return { ...load, connections: load.connections + this.#onTheirWay };
  }

  #reported(report: Report, ready: (address: string) => void): void {
    switch (report.kind) {
      case 'ready':
        if (this.state === 'starting') this.state = 'ready';
        ready(report.address);
        break;
      case 'refused':
        this.onRefused(report);
        break;
      case 'shed':
        this.onShed(report);
        break;
      case 'ended':
        this.#cutOff = report.cutOff;
        this.stop();
        break;
    }
  }

  hand({ detached, moved }: Handed): void {
    this.#forgetTaken();
    this.#pending.push({ handed: { detached, moved }, at: performance.now() });
    this.#handed++;
    this.#onTheirWay++;
    this.#say({ kind: 'conn', detached, moved });
  }

  #forgetTaken(): void {
    const waiting = (this.#handed - this.#load.taken) | 0;
    if (waiting >= this.#pending.length) return;
    for (const pending of this.#pending.splice(0, this.#pending.length - waiting)) {
      if (pending !== null) this.#onTheirWay--;
    }
  }

  /**
   * What it was handed more than `ms` milliseconds ago and has not taken: for somebody else. Should it still come to
   * that, it will find that it is too late, because each can be adopted only once.
   */
  takeBack(ms: number): Handed[] {
    this.#forgetTaken();
    const before = performance.now() - ms;
    const back: Handed[] = [];
    for (const [i, pending] of this.#pending.entries()) {
      if (pending === null) continue;
      if (pending.at > before) break;
      back.push(pending.handed);
      this.#pending[i] = null;
      this.#onTheirWay--;
    }
    return back;
  }

  shed({ to, share, why }: ShedOrder): void {
    this.#say({ kind: 'shed', to, share, why });
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
