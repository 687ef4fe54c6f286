import { abortReason } from '../runtime/failures.ts';
import { type Parked, park } from '../runtime/park.ts';
import { onAbort } from '../runtime/signal.ts';
import { beginWait, endWait, Wait, type WaitReason } from '../runtime/waits.ts';

/**
 * What every call on a file that may wait takes.
 *
 * @example
 * ```ts
 * import { type FileCallOptions, open } from 'gopark/os';
 *
 * const options: FileCallOptions = { signal: AbortSignal.timeout(1000) };
 * await using file = await open('package.json');
 * await file.read(new Uint8Array(100), options);
 * ```
 */
export interface FileCallOptions {
  /**
   * Ends the call early: it rejects with the signal's reason. A write that a thread has begun is finished first, so
   * that the outcome is known.
   */
  signal?: AbortSignal | undefined;
}

/** A call that waits for its turn, for a thread, or for what the thread does. It settles exactly once. */
export abstract class FileWait<T> extends Wait implements Parked<T> {
  readonly waitReason: WaitReason = 'file I/O';
  readonly op: string;
  readonly path: string;
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;
  #signal: AbortSignal | null = null;
  #waits = false;

  constructor(op: string, path: string) {
    super();
    this.op = op;
    this.path = path;
  }

  override describeWait(): string {
    return `${this.op} ${this.path}`;
  }

  get waiting(): boolean {
    return this.#waits;
  }

  /** Parks the caller. */
  start(signal: AbortSignal | undefined): Promise<T> {
    const promise = park<T>(this);
    this.#waits = true;
    beginWait(this);
    if (signal !== undefined) {
      this.#signal = signal;
      onAbort(signal, this);
    }
    return promise;
  }

  succeed(value: T): void {
    if (this.#end()) this.resolve(value);
  }

  fail(error: unknown): void {
    if (this.#end()) this.reject(error);
  }

  #end(): boolean {
    if (!this.#waits) return false;
    this.#waits = false;
    endWait(this);
    this.#signal?.removeEventListener('abort', this);
    this.#signal = null;
    return true;
  }

  /** The signal fired. */
  handleEvent(): void {
    if (this.withdraw()) this.fail(abortReason(this.#signal!));
  }

  /** Gives the wait up. False: too late, it ends by itself. */
  abstract withdraw(): boolean;
}
