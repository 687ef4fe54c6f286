/** Words of an Events, from where it is told to begin. */
const DATA_EVENT = 0;
const ROOM_EVENT = 1;
/** About how many threads wait for each: those that were ended while they did are counted for ever. */
const RECEIVING = 2;
const SENDING = 3;
export const EVENT_WORDS = 4;

/** What is waited for. */
export type Side = 'data' | 'room';

/** How threads wait for what others do to shared memory. Each change is an event: it moves a word on, and wakes. */
export class Events {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Whether somebody may wait: then a change wants `wake`. */
  awaited(side: Side): boolean {
    return Atomics.load(this.#words, side === 'data' ? RECEIVING : SENDING) > 0;
  }

  /** Counts this thread as one that waits until `ready`. The event to wait for; null: there is no need to wait. */
  enter(side: Side, ready: () => boolean): number | null {
    const words = this.#words;
    Atomics.add(words, side === 'data' ? RECEIVING : SENDING, 1);
    const event = Atomics.load(words, side === 'data' ? DATA_EVENT : ROOM_EVENT);
    // Whoever changes something from here on sees that somebody waits, and moves the event on.
    if (!ready()) return event;
    this.leave(side);
    return null;
  }

  leave(side: Side): void {
    Atomics.sub(this.#words, side === 'data' ? RECEIVING : SENDING, 1);
  }

  /** Resolves when `wake` is called; null: it has been called since `event`. */
  wait(side: Side, event: number): Promise<unknown> | null {
    const result = Atomics.waitAsync(this.#words, side === 'data' ? DATA_EVENT : ROOM_EVENT, event);
    return result.async ? result.value : null;
  }

  /** Wakes all threads that wait: one alone may be ended before it has done anything about it. */
  wake(side: Side): void {
    const word = side === 'data' ? DATA_EVENT : ROOM_EVENT;
    Atomics.add(this.#words, word, 1);
    Atomics.notify(this.#words, word);
  }
}
