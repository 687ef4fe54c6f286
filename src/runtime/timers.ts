import { now } from './clock.ts';
import { enterTurn } from './turns.ts';

/** The longest delay that the event loop's own timer takes; longer ones are armed in pieces. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** In no heap any more, but in the list of those that fire now. */
const DUE = -2;

/**
 * Something that happens at an instant. While it stands in the heap, `when` is changed only through the heap.
 * `holds` says whether it keeps the process alive.
 */
export interface Timer {
  when: number;
  /** Its place in the heap; negative: in none. */
  index: number;
  readonly holds: boolean;
  fire(): void;
}

/**
 * All timers of one event loop: a binary heap over a single timer of Node's. Whoever extends a deadline does not
 * touch the heap: the owner sees when it fires too early and puts the timer back.
 */
export class TimerHeap {
  readonly #heap: Timer[] = [];
  #alarm: NodeJS.Timeout | null = null;
  #alarmAt = Number.POSITIVE_INFINITY;
  #holding = 0;
  /** How often the alarm has rung: who must do something once a ring remembers the number. */
  rings = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Puts the timer in, or moves it to another instant. */
  set(timer: Timer, when: number): void {
    if (timer.index >= 0) this.#take(timer.index);
    timer.when = when;
    timer.index = this.#heap.length;
    this.#heap.push(timer);
    this.#up(timer.index);
    if (timer.holds && this.#holding++ === 0) this.#alarm?.ref();
    if (this.#heap[0] === timer) this.#arm(when);
  }

  /** Takes the timer out, if it is in. */
  delete(timer: Timer): void {
    if (timer.index >= 0) this.#take(timer.index);
    else timer.index = -1;
    // The alarm stays: it will find nothing to do, which is cheaper than arming another one now.
  }

  /** Arms Node's timer, unless it rings early enough already. */
  #arm(when: number): void {
    if (this.#alarmAt <= when) return;
    if (this.#alarm !== null) clearTimeout(this.#alarm);
    const delay = Math.min(LONGEST_DELAY, Math.max(1, Math.ceil(when - now())));
    this.#alarmAt = when;
    this.#alarm = setTimeout(() => this.#ring(), delay);
    if (this.#holding === 0) this.#alarm.unref();
  }

  #ring(): void {
    this.#alarm = null;
    this.#alarmAt = Number.POSITIVE_INFINITY;
    this.rings++;
    const instant = now();
    enterTurn(instant);
    const due: Timer[] = [];
    while (this.#heap.length > 0 && this.#heap[0]!.when <= instant) due.push(this.#take(0));
    for (const timer of due) timer.index = DUE;
    for (const timer of due) {
      // One that fired before it may have put it back, or given it up.
      if (timer.index !== DUE) continue;
      timer.index = -1;
      timer.fire();
    }
    if (this.#heap.length > 0) this.#arm(this.#heap[0]!.when);
  }

  #take(index: number): Timer {
    const heap = this.#heap;
    const timer = heap[index]!;
    const last = heap.pop()!;
    if (last !== timer) {
      heap[index] = last;
      last.index = index;
      this.#up(index);
      this.#down(last.index);
    }
    timer.index = -1;
    if (timer.holds && --this.#holding === 0) this.#alarm?.unref();
    return timer;
  }

  #up(index: number): void {
    const heap = this.#heap;
    const timer = heap[index]!;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.when <= timer.when) break;
      heap[index] = heap[parent]!;
      heap[index]!.index = index;
      index = parent;
    }
    heap[index] = timer;
    timer.index = index;
  }

  #down(index: number): void {
    const heap = this.#heap;
    const timer = heap[index]!;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.when < heap[child]!.when) child++;
      if (heap[child]!.when >= timer.when) break;
      heap[index] = heap[child]!;
      heap[index]!.index = index;
      index = child;
    }
    heap[index] = timer;
    timer.index = index;
  }
}

/** The timers of this thread. */
export const timers: TimerHeap = new TimerHeap();
