import { now } from '../../../runtime/clock.ts';
import { go, gosched } from '../../../runtime/index.ts';

/** Who has replies that become known with a batch of the journal. */
export interface Asker {
  /** Sends the replies that are known by now. Never throws. */
  answerKnown(): void;
}

/** How long sessions are answered before the event loop has its turn, in milliseconds. */
const SLICE = 2;
/** And how many at most: each is a system call when the turn ends, which the clock inside the turn does not see. */
const SESSIONS_PER_SLICE = 256;
/** The clock is looked at once in so many sessions. */
const SESSIONS_PER_LOOK = 16;

/**
 * Answers those whose orders a batch has brought into the journal: at once, while that takes no time. A disk that was
 * slow answers thousands together; then the others have their turns in between.
 */
export class Answering {
  #queue: Asker[] = [];
  #running = false;

  /** All of one batch. */
  answer(askers: readonly Asker[]): void {
    let from = 0;
    if (!this.#running) {
      from = answerSome(askers);
      if (from === askers.length) return;
    }
    for (; from < askers.length; from++) this.#queue.push(askers[from]!);
    if (this.#running) return;
    this.#running = true;
    go(() => this.#answerAll()).markInternal();
  }

  async #answerAll(): Promise<void> {
    while (this.#queue.length > 0) {
      await gosched();
      // What comes meanwhile is answered behind these.
      const queue = this.#queue;
      this.#queue = [];
      const answered = answerSome(queue);
      this.#queue = answered < queue.length ? [...queue.slice(answered), ...this.#queue] : this.#queue;
    }
    this.#running = false;
  }
}

/** How many have been answered when the time is over: at least one, if there is one. */
function answerSome(askers: readonly Asker[]): number {
  const end = now() + SLICE;
  for (let i = 0; i < askers.length; i++) {
    askers[i]!.answerKnown();
    const answered = i + 1;
    if (answered >= SESSIONS_PER_SLICE || (answered % SESSIONS_PER_LOOK === 0 && now() >= end))
      return answered;
  }
  return askers.length;
}
