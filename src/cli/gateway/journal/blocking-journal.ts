import { fdatasyncSync, ftruncateSync, writeSync } from 'node:fs';
import type { File } from '../../../os/index.ts';
import { now } from '../../../runtime/clock.ts';
import { failed } from './async-journal.ts';
import { orderRecord } from './format.ts';
import type { Fate, Journal } from './journal.ts';
import type { JournalLock } from './lock.ts';
import type { JournalOptions } from './options.ts';
import type { Recovered } from './recover.ts';

const KEPT: Fate = { settled: true, error: null };

/**
 * The journal as it is written without a second thought: each order a synchronous write, and a sync if asked for,
 * in the event loop. Everybody waits for the disk. Here for comparison.
 */
export class BlockingJournal implements Journal {
  readonly #file: File;
  readonly #lock: JournalLock;
  readonly #sync: JournalOptions['sync'];
  #end: number;
  #synced = now();
  #broken: unknown = null;
  readonly hasRoom = true;

  constructor({ file, lock }: Recovered, size: number, { sync }: JournalOptions) {
    this.#file = file;
    this.#lock = lock;
    this.#sync = sync;
    this.#end = size;
  }

  append(sequence: number, order: string): Fate {
    if (this.#broken !== null) return failed(this.#broken);
    const record = orderRecord(sequence, order);
    try {
      for (let at = 0; at < record.length; ) at += writeSync(this.#file.fd, record, at);
    } catch (error) {
      this.#cutOff();
      return failed(error);
    }
    try {
      this.#syncIfDue();
    } catch (error) {
      this.#cutOff();
      this.#broken = error;
      return failed(error);
    }
    this.#end += record.length;
    return KEPT;
  }

  #cutOff(): void {
    try {
      ftruncateSync(this.#file.fd, this.#end);
    } catch (error) {
      this.#broken = error;
    }
  }

  #syncIfDue(): void {
    if (this.#sync === 'never') return;
    if (this.#sync !== 'batch' && now() - this.#synced < this.#sync) return;
    fdatasyncSync(this.#file.fd);
    this.#synced = now();
  }

  waitForRoom(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    try {
      if (this.#sync !== 'never') await this.#file.datasync();
      await this.#file.close();
    } finally {
      await this.#lock.close();
    }
  }
}
