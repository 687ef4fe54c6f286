import { signalFault } from '../runtime/signal.ts';
import { FileWait } from './waiting.ts';

const BLOCK = 64 * 1024;
/** Blocks of written batches that are kept for later ones. */
const KEPT_BLOCKS = 16;
const kept: Uint8Array[] = [];

class CommitWait extends FileWait<void> {
  readonly #waits: Set<CommitWait>;

  constructor(waits: Set<CommitWait>, op: string, path: string) {
    super(op, path);
    this.#waits = waits;
  }

  override withdraw(): boolean {
    return this.#waits.delete(this);
  }
}

/**
 * The fate of what an AsyncWriter has taken: one object for all writes that reach the disk together.
 *
 * @example
 * ```ts
 * import { AsyncWriter, type Commit, open } from 'gopark/os';
 *
 * await using journal = new AsyncWriter(await open('journal', 'a'), { sync: 'batch' });
 * const commit: Commit | null = journal.tryCommit(new Uint8Array(100));
 * await commit?.wait();
 * console.log(commit?.settled, commit?.error);
 * ```
 */
export class Commit {
  /** Whether it is known how it went. */
  settled = false;
  /** Why the bytes are not in the file to the promised degree; null: they are, or it is not `settled`. */
  error: unknown = null;
  /** @internal Bytes. */
  length = 0;
  /** @internal Whether somebody's bytes are in it who does not wait for it. */
  hasPlainWrites = false;
  readonly #path: string;
  #blocks: Uint8Array[] = [];
  #room = 0;
  #waits: Set<CommitWait> | null = null;
  #listeners: (() => void)[] = [];

  /** @internal */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Resolves when the bytes are in the file to the degree that the writer promises, rejects with `error` when they
   * are not.
   */
  wait(): Promise<void> {
    return this.waitAs('commit', undefined);
  }

  /** @internal */
  waitAs(op: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.settled) return this.error === null ? Promise.resolve() : Promise.reject(this.error);
    const fault = signalFault(signal);
    if (fault !== null) return Promise.reject(fault);
    this.#waits ??= new Set();
    const wait = new CommitWait(this.#waits, op, this.#path);
    this.#waits.add(wait);
    return wait.start(signal);
  }

  /**
   * Calls `listener` when it is known how it went, right then: for many who must not cost a promise each. It must
   * not throw. Not called when it is known already.
   */
  onSettled(listener: () => void): void {
    if (!this.settled) this.#listeners.push(listener);
  }

  /** @internal Copies `p` behind the others. */
  add(p: Uint8Array): void {
    this.length += p.length;
    for (let from = 0; from < p.length; ) {
      if (this.#room === 0) {
        this.#blocks.push(kept.pop() ?? new Uint8Array(BLOCK));
        this.#room = BLOCK;
      }
      const n = Math.min(this.#room, p.length - from);
      const part = n === p.length ? p : p.subarray(from, from + n);
      this.#blocks.at(-1)!.set(part, BLOCK - this.#room);
      this.#room -= n;
      from += n;
    }
  }

  /** @internal All bytes, in order. */
  get buffers(): Uint8Array[] {
    const buffers = this.#blocks.slice();
    if (this.#room > 0) buffers[buffers.length - 1] = buffers.at(-1)!.subarray(0, BLOCK - this.#room);
    return buffers;
  }

  /** @internal */
  settle(error: unknown): void {
    this.settled = true;
    this.error = error;
    for (const block of this.#blocks) if (kept.length < KEPT_BLOCKS) kept.push(block);
    this.#blocks = [];
    const waits = this.#waits;
    this.#waits = null;
    for (const wait of waits ?? []) {
      if (error === null) wait.succeed();
      else wait.fail(error);
    }
    for (const listener of this.#listeners) listener();
  }
}
