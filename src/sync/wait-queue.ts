/** Something that can stand in one queue at a time: the queue goes through the waiters themselves. */
export interface Queued<W> {
  previous: W | null;
  next: W | null;
}

/** First come, first served; leaving from the middle costs the same. */
export class WaitQueue<W extends Queued<W>> {
  first: W | null = null;
  last: W | null = null;
  length = 0;

  push(waiter: W): void {
    waiter.previous = this.last;
    if (this.last === null) this.first = waiter;
    else this.last.next = waiter;
    this.last = waiter;
    this.length++;
  }

  remove(waiter: W): void {
    const { previous, next } = waiter;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    waiter.previous = null;
    waiter.next = null;
    this.length--;
  }
}
