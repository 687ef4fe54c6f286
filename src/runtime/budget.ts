import { now } from './clock.ts';
import { enterTurn } from './turns.ts';

/** How long goroutines whose operations always succeed at once may run before the poller has its turn. */
const SLICE = 10;
/** The clock is looked at once in so many operations. */
const OPERATIONS_PER_LOOK = 32;

let operations = 0;
let sliceStart = 0;
let spent = false;
let turn: Promise<void> | null = null;
const beforeSlices: (() => void)[] = [];

/** The event loop has had its turn: a new slice begins. */
export function beginSlice(): void {
  spent = false;
  operations = 0;
  sliceStart = now();
  enterTurn(sliceStart);
}

/**
 * Counts one operation that succeeded without waiting. True: the slice is used up, and this operation should
 * settle behind the poller (`nextTurn`), or the other connections wait for as long as this one has luck.
 */
export function spend(): boolean {
  if (spent) return true;
  if (++operations % OPERATIONS_PER_LOOK !== 0) return false;
  spent = now() - sliceStart >= SLICE;
  return spent;
}

/** The same with a look at the clock, for whom each operation may have set others to work. */
export function spendDear(): boolean {
  if (!spent) spent = now() - sliceStart >= SLICE;
  return spent;
}

/** `action` runs before those who stood back go on: what others wrote meanwhile must not wait for their slice. */
export function beforeSlice(action: () => void): void {
  beforeSlices.push(action);
}

/** Resolves after the event loop has been round once: timers, one poll of the network with its replies, the rest. */
export function nextTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    // The first one may come right behind the poll phase that we are in; only the second has one before it.
    setImmediate(() =>
      setImmediate(() => {
        turn = null;
        for (const action of beforeSlices) action();
        beginSlice();
        resolve();
      }),
    );
  });
  return turn;
}
