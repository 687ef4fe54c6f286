/** Before anything was buffered nothing is allocated; then the ring doubles until it has what the channel may hold. */
const FIRST_SIZE = 16;

/** A queue of values in a ring. What was taken out is not held any more. */
export class Ring<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;
  length = 0;

  push(value: T): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.length) & (this.#slots.length - 1)] = value;
    this.length++;
  }

  /** The oldest. Only of a ring that is not empty. */
  shift(): T {
    const slots = this.#slots;
    const head = this.#head;
    const value = slots[head] as T;
    slots[head] = undefined;
    this.#head = (head + 1) & (slots.length - 1);
    this.length--;
    return value;
  }

  #grow(): void {
    const old = this.#slots;
    const slots: (T | undefined)[] = [];
    // Filled from the start, so that the array stays a plain one.
    for (let i = 0; i < old.length; i++) slots.push(old[(this.#head + i) & (old.length - 1)]);
    const size = Math.max(FIRST_SIZE, old.length * 2);
    while (slots.length < size) slots.push(undefined);
    this.#slots = slots;
    this.#head = 0;
  }
}
