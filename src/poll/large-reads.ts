import { nextTurn, spend } from '../runtime/budget.ts';
import type { FD } from './fd/fd.ts';

const soon: Promise<void> = Promise.resolve();

/**
 * Large reads take turns with the goroutines they are for: one receives, its goroutine runs, and only then the next one
 * receives. Small ones are received all together first, because the kernel's paths stay in the cache that way; 64 KiB
 * each of ten connections would throw each other out of it before anybody has looked at them.
 *
 * While others wait for their turn, a read that would find bytes at once goes behind them. Otherwise whose peer sends
 * fast enough would be served alone until its slice is used up, which is 10 ms for everybody else.
 *
 * For its PollDesc the operation of an FD in the queue is in flight, and for the driver it is not: it has completed, or
 * was never begun because bytes are there. Whoever leaves (closed, aborted, its time is up) leaves its place behind.
 */
export class LargeReads {
  readonly #queue: FD[] = [];
  #running = false;

  /** Whether others wait for their turn. */
  get running(): boolean {
    return this.#running;
  }

  /** Of one whose operation is a read of bytes that are there. */
  add(fd: FD): void {
    this.#queue.push(fd);
    fd.reading.awaitTurn();
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#running) {
      // What a turn has woken was queued before this, and so runs before the next turn.
      await (spend() ? nextTurn() : soon);
      // An empty place is nobody's turn.
      while (this.#queue.length > 0 && !this.#queue.shift()!.reading.takeTurn());
      // Whoever is left alone need not queue.
      this.#running = this.#queue.length > 0;
    }
  }
}
