import { AsyncWriter, type Commit } from '../../../os/index.ts';
import { go, gosched } from '../../../runtime/index.ts';
import { Answering, type Asker } from './answering.ts';
import { fileHeader, LONGEST_RECORD, orderRecord } from './format.ts';
import type { Fate, Journal } from './journal.ts';
import type { JournalLock } from './lock.ts';
import type { JournalOptions } from './options.ts';
import type { Recovered } from './recover.ts';

/** What may wait for the disk, in bytes: some 50,000 orders. */
const CAPACITY = 4 << 20;
/** Of those who have waited for room, so many go on before the event loop has its turn. */
const LET_IN_PER_TURN = 64;

/** The orders that reach the disk together. */
interface Batch {
  readonly commit: Commit;
  readonly first: number;
  readonly askers: Asker[];
}

/** The journal whose disk nobody waits for but those whose orders it concerns. */
export class AsyncJournal implements Journal {
  readonly #writer: AsyncWriter;
  readonly #lock: JournalLock;
  /** Those that are not in the file yet. */
  readonly #batches: Batch[] = [];
  readonly #answering = new Answering();
  /** Sessions that wait for room, in the order in which they came. */
  readonly #waiting: (() => void)[] = [];
  #lettingIn = false;

  constructor({ file, lock }: Recovered, { sync, rotateSize }: JournalOptions) {
    const header = () => fileHeader(this.#batches.find(({ commit }) => !commit.settled)!.first);
    const rotate = rotateSize === null ? {} : { rotate: { size: rotateSize, header } };
    this.#writer = new AsyncWriter(file, { capacity: CAPACITY, sync, whenFailed: 'truncate', ...rotate });
    this.#lock = lock;
  }

  append(sequence: number, order: string, asker: Asker): Fate {
    let commit: Commit | null;
    try {
      commit = this.#writer.tryCommit(orderRecord(sequence, order));
    } catch (error) {
      // Broken: the disk failed to sync. There is no way but to reject until somebody has looked at it.
      return failed(error);
    }
    if (commit === null) throw new Error('the journal has no room');
    const batch = this.#batches.at(-1);
    if (batch?.commit !== commit) this.#begin(commit, sequence, asker);
    // Orders of one session come together: it is asked once for all of them.
    else if (batch.askers.at(-1) !== asker) batch.askers.push(asker);
    return commit;
  }

  #begin(commit: Commit, first: number, asker: Asker): void {
    const batch: Batch = { commit, first, askers: [asker] };
    this.#batches.push(batch);
    commit.onSettled(() => {
      this.#batches.splice(this.#batches.indexOf(batch), 1);
      this.#answering.answer(batch.askers);
    });
  }

  get hasRoom(): boolean {
    return this.#writer.available >= LONGEST_RECORD;
  }

  waitForRoom(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#lettingIn) return;
      this.#lettingIn = true;
      go(() => this.#letIn()).markInternal();
    });
  }

  /** Thousands may wait, each with a backlog: all at once would hold the event loop. */
  async #letIn(): Promise<void> {
    while (this.#waiting.length > 0) {
      try {
        await this.#writer.waitWritable(LONGEST_RECORD);
      } catch {
        // It is broken: there is room for more orders to be rejected, each with the reason.
      }
      for (const goOn of this.#waiting.splice(0, LET_IN_PER_TURN)) goOn();
      await gosched();
    }
    this.#lettingIn = false;
  }

  async close(): Promise<void> {
    try {
      await this.#writer.close();
    } finally {
      await this.#lock.close();
    }
  }
}

/** The fate of an order that the journal could not take. */
export function failed(error: unknown): Fate {
  return { settled: true, error };
}
