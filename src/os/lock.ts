import { abortReason } from '../runtime/failures.ts';
import { signalFault } from '../runtime/signal.ts';
import { FileWait } from './waiting.ts';

class LockWait extends FileWait<void> {
  readonly #queue: Set<LockWait>;

  constructor(queue: Set<LockWait>, op: string, path: string) {
    super(op, path);
    this.#queue = queue;
  }

  override withdraw(): boolean {
    return this.#queue.delete(this);
  }
}

/** One at a time, in the order of arrival. */
export class Lock {
  #held = false;
  readonly #queue = new Set<LockWait>();

  get held(): boolean {
    return this.#held;
  }

  /** Null: the caller has it. Otherwise it has it when the promise resolves. */
  take(op: string, path: string, signal: AbortSignal | undefined): Promise<void> | null {
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (!this.#held) {
      this.#held = true;
      return null;
    }
    const fault = signalFault(signal);
    if (fault !== null) return Promise.reject(fault);
    const wait = new LockWait(this.#queue, op, path);
    this.#queue.add(wait);
    return wait.start(signal);
  }

  give(): void {
    for (const next of this.#queue) {
      this.#queue.delete(next);
      next.succeed();
      return;
    }
    this.#held = false;
  }

  /** Turns away all that wait. */
  failAll(errorFor: (op: string) => unknown): void {
    for (const wait of this.#queue) {
      this.#queue.delete(wait);
      wait.fail(errorFor(wait.op));
    }
  }
}
