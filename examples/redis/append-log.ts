import { AsyncWriter, type File } from 'gopark/os';
import type { Config } from './config.ts';
import { ReplyWriter } from './protocol/reply-writer.ts';

/**
 * Every change as the command that makes it again, in the order in which they were made, in the form in which clients
 * send them. What EXEC did stands between MULTI and EXEC: it is replayed whole or not at all.
 */
export class AppendLog {
  readonly #writer: AsyncWriter;
  readonly #strict: boolean;
  /** Commands that the writer has not got yet. */
  readonly #pending = new ReplyWriter();
  #database = -1;
  #transaction: 'none' | 'begun' | 'written' = 'none';
  /** With 'always': settles when the disk has everything up to now. */
  #onDisk: Promise<void> | null = null;
  /** Set once: what is in memory is not in the log any more, so nothing may change until a new start. */
  failure: Error | null = null;

  /** `file` is at its end, and the log's from now on. */
  constructor(file: File, sync: Config['appendSync']) {
    this.#strict = sync === 'always';
    const mode = { always: 'batch', everysec: 1000, no: 'never' } as const;
    this.#writer = new AsyncWriter(file, { sync: mode[sync], whenFailed: 'truncate', capacity: 16 << 20 });
  }

  append(database: number, args: readonly string[]): void {
    if (this.#transaction === 'begun') {
      this.#transaction = 'written';
      this.#pending.bulks(['multi']);
    }
    if (database !== this.#database) {
      this.#database = database;
      this.#pending.bulks(['select', String(database)]);
    }
    this.#pending.bulks(args);
  }

  begin(): void {
    this.#transaction = 'begun';
  }

  end(): void {
    if (this.#transaction === 'written') this.#pending.bulks(['exec']);
    this.#transaction = 'none';
  }

  /**
   * Hands on what was appended. Undefined: replies may go. A promise: they have to wait until it settles, and may not
   * go at all if it rejects.
   */
  flush(): Promise<void> | undefined {
    // In the middle of a transaction there is nothing whole to hand on.
    if (this.#pending.length === 0 || this.#transaction !== 'none') return this.#onDisk ?? undefined;
    const bytes = this.#pending.bytes();
    try {
      if (this.#strict) return this.#commit(bytes);
      if (this.#writer.tryWrite(bytes)) return undefined;
      const { length } = bytes;
      return this.#writer.write(bytes.slice()).then(
        (written) => this.#mustBe(written, length),
        (error) => this.#fail(error),
      );
    } catch (error) {
      return Promise.resolve().then(() => this.#fail(error));
    } finally {
      this.#pending.truncate(0);
    }
  }

  #mustBe(written: number, length: number): void {
    if (written !== length) this.#fail(new Error(`${written} of ${length} bytes written`));
  }

  /** The same when no client waits for it. */
  flushSoon(): void {
    this.flush()?.catch(() => {
      // `failure` says it to whoever writes next.
    });
  }

  #commit(bytes: Uint8Array): Promise<void> {
    const commit = this.#writer.tryCommit(bytes);
    const done = commit === null ? this.#writer.commit(bytes.slice()) : commit.wait();
    const onDisk = Promise.all([this.#onDisk, done]).then(
      () => {
        if (this.#onDisk === onDisk) this.#onDisk = null;
      },
      (error) => this.#fail(error),
    );
    this.#onDisk = onDisk;
    return onDisk;
  }

  #fail(error: unknown): never {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (this.failure === null)
      console.error(`append only file: ${failure.message}: no more writes are taken`);
    this.failure = failure;
    throw failure;
  }

  /** Everything to the disk, then the file closed. */
  async close(): Promise<void> {
    await this.flush();
    await this.#writer.close();
  }
}
