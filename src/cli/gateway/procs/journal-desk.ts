import { go } from '../../../runtime/index.ts';
import type { SharedChan } from '../../../sync/index.ts';
import type { Asker } from '../journal/answering.ts';
import type { Fate, Journal } from '../journal/journal.ts';
import { decodeOrders, encodeAnswer, type OrderBatch } from './messages.ts';

/** One batch of a P, on its way into the journal. */
class Entry implements Asker {
  readonly #batch: OrderBatch;
  readonly #sequence: number;
  readonly #answer: (proc: number, text: string) => void;
  readonly #fates: Fate[] = [];
  #isWhole = false;
  #isAnswered = false;

  constructor(batch: OrderBatch, sequence: number, answer: (proc: number, text: string) => void) {
    this.#batch = batch;
    this.#sequence = sequence;
    this.#answer = answer;
  }

  add(fate: Fate): void {
    this.#fates.push(fate);
  }

  /** All of its orders have been given to the journal. */
  whole(): void {
    this.#isWhole = true;
    this.answerKnown();
  }

  answerKnown(): void {
    if (!this.#isWhole || this.#isAnswered || !this.#fates.every(({ settled }) => settled)) return;
    this.#isAnswered = true;
    const failures = new Map<number, string>();
    for (const [place, { error }] of this.#fates.entries()) {
      if (error !== null) failures.set(place, error instanceof Error ? error.message : String(error));
    }
    const { proc, thread, number } = this.#batch;
    this.#answer(proc, encodeAnswer({ thread, number, sequence: this.#sequence, failures }));
  }

  /** Why orders of it are not in the journal. */
  get errors(): unknown[] {
    return this.#fates.filter(({ error }) => error !== null).map(({ error }) => error);
  }
}

/**
 * Where the orders of all Ps come together: one thread numbers them and writes them down, as if they were its own, and
 * answers.
 */
export class JournalDesk {
  readonly #journal: Journal;
  readonly #answers: readonly SharedChan<string>[];
  readonly #onTrouble: (failure: unknown) => void;
  #sequence: number;

  /** `last`: the number of the last order. */
  constructor(
    journal: Journal,
    last: number,
    answers: readonly SharedChan<string>[],
    onTrouble: (failure: unknown) => void,
  ) {
    this.#journal = journal;
    this.#sequence = last;
    this.#answers = answers;
    this.#onTrouble = onTrouble;
  }

  serve(orders: SharedChan<string>): void {
    go(async () => {
      for await (const text of orders) await this.#enter(decodeOrders(text));
    }).markInternal();
  }

  async #enter(batch: OrderBatch): Promise<void> {
    const entry: Entry = new Entry(batch, this.#sequence + 1, (proc, text) => {
      for (const error of entry.errors) this.#onTrouble(error);
      // Never full: a P has fewer batches under way than it holds, and what a dead one has left is taken out.
      if (!this.#answers[proc]!.trySend(text))
        throw new Error(`the channel of answers for P ${proc} is full`);
    });
    for (const order of batch.orders) {
      if (!this.#journal.hasRoom) await this.#journal.waitForRoom();
      entry.add(this.#journal.append(++this.#sequence, order, entry));
    }
    entry.whole();
  }

  /** A P has died: nobody asks for its answers any more. */
  forget(proc: number): void {
    const answers = this.#answers[proc]!;
    while (answers.tryRecv() !== undefined);
  }
}
