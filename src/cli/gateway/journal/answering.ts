import { go, gosched } from '../../../runtime/index.ts';

/** Who has replies that become known with a batch of the journal. */
export interface Asker {
  /** Sends the replies that are known by now. Never throws. */
  answerKnown(): void;
}

/** Sessions that are answered before the event loop has its turn: each is a system call when the turn ends. */
const ANSWERS_PER_TURN = 512;

/**
 * Answers those whose orders a batch has brought into the journal: at once, while they are few. A disk that was slow
 * answers thousands together; then the others have their turns in between.
 */
export class Answering {
  #queue: Asker[] = [];
  #running = false;

  /** All of one batch. */
  answer(askers: readonly Asker[]): void {
    if (!this.#running && askers.length <= ANSWERS_PER_TURN) {
      for (const asker of askers) asker.answerKnown();
      return;
    }
    for (const asker of askers) this.#queue.push(asker);
    if (this.#running) return;
    this.#running = true;
    go(() => this.#answerAll()).markInternal();
  }

  async #answerAll(): Promise<void> {
    while (this.#queue.length > 0) {
      for (const asker of this.#queue.splice(0, ANSWERS_PER_TURN)) asker.answerKnown();
      await gosched();
    }
    this.#running = false;
  }
}
