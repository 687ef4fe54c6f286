import { checkCount } from '../io/arguments.ts';
import { ArgumentTypeError } from '../io/index.ts';
import { BlockPool, defaultPool } from '../linkbuffer/index.ts';

/**
 * Which poller set a new connection goes to.
 *
 * @example
 * ```ts
 * import { configure, type LoadBalance } from 'gopark/eventloop';
 *
 * const loadBalance: LoadBalance = 'least-connections';
 * configure({ pollers: 2, loadBalance });
 * ```
 */
export type LoadBalance = 'round-robin' | 'random' | 'least-connections';

/** All of them. */
export const loadBalances: readonly LoadBalance[] = ['round-robin', 'random', 'least-connections'];

/**
 * What `configure` takes; a field that is left out stays as it is.
 *
 * @example
 * ```ts
 * import { configure, type EventLoopSettings } from 'gopark/eventloop';
 *
 * const settings: EventLoopSettings = { goroutines: 500 };
 * configure(settings);
 * ```
 */
export interface EventLoopSettings {
  /**
   * Poller sets of this thread, default 1. Each has its own connections and its own bounded batch, and they are
   * drained in turn. More never means more threads; fewer than before: live connections stay where they are.
   * Drivers without sets of their own (portable) have one.
   */
  pollers?: number;
  /** Which of them a new connection goes to. Default 'round-robin'. */
  loadBalance?: LoadBalance;
  /** Size of a block of memory in bytes, at least 1024; default 8192. For connections from now on. */
  blockSize?: number;
  /** How many callbacks may be waiting at an `await` at a time; others begin when one of them ends. Default 10,000. */
  goroutines?: number;
}

/** What all event loops of this thread share. */
export const settings = {
  pollers: 1,
  loadBalance: 'round-robin' as LoadBalance,
  goroutines: 10_000,
  blocks: defaultPool as BlockPool,
};

/**
 * Sets what all event loops of this thread have in common. CloudWeGo Netpoll: `netpoll.Configure`.
 *
 * @example
 * ```ts
 * import { configure } from 'gopark/eventloop';
 *
 * configure({ goroutines: 1000, blockSize: 16 * 1024 });
 * ```
 */
export function configure(options: EventLoopSettings): void {
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentTypeError('options', 'an object', options);
  }
  const { pollers, loadBalance, blockSize, goroutines } = options;
  if (pollers !== undefined) checkCount(pollers, 'pollers', 1);
  if (loadBalance !== undefined && !loadBalances.includes(loadBalance)) {
    throw new ArgumentTypeError('loadBalance', `one of ${loadBalances.join(', ')}`, loadBalance);
  }
  if (blockSize !== undefined) checkCount(blockSize, 'blockSize', 1024);
  if (goroutines !== undefined) checkCount(goroutines, 'goroutines', 1);
  if (pollers !== undefined) settings.pollers = pollers;
  if (loadBalance !== undefined) settings.loadBalance = loadBalance;
  if (goroutines !== undefined) {
    settings.goroutines = goroutines;
    handlers.admit();
  }
  if (blockSize !== undefined && blockSize !== settings.blocks.blockSize) {
    settings.blocks = blockSize === defaultPool.blockSize ? defaultPool : new BlockPool({ blockSize });
  }
}

/** Who waits for a goroutine of the pool. */
export interface Applicant {
  /** It may call its handler now. */
  admitted(): void;
}

/** How many callbacks wait at an `await`, and who has to wait until one of them ends. */
class HandlerPool {
  running = 0;
  #queue: Applicant[] = [];
  #admitting = false;

  get full(): boolean {
    return this.running >= settings.goroutines;
  }

  enqueue(applicant: Applicant): void {
    this.#queue.push(applicant);
  }

  begun(): void {
    this.running++;
  }

  ended(): void {
    this.running--;
    if (this.#queue.length > 0) this.admit();
  }

  admit(): void {
    if (this.#admitting) return;
    this.#admitting = true;
    let count = 0;
    for (; count < this.#queue.length && !this.full; count++) this.#queue[count]!.admitted();
    this.#queue.splice(0, count);
    this.#admitting = false;
  }
}

/** The goroutine pool of this thread. */
export const handlers: HandlerPool = new HandlerPool();
