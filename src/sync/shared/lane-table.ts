import { holds, thisThread } from './this-thread.ts';

/** A lane of whoever has claimed it: one thread, by its number. */
interface Claimable {
  claim(thread: number): boolean;
  disown(thread: number): void;
}

/** A free lane, this thread's from now on; null: there is none. `words[used]` is how many have ever been claimed. */
export function claimLane<L extends Claimable>(
  lanes: readonly L[],
  words: Int32Array,
  used: number,
): L | null {
  const index = lanes.findIndex((one) => one.claim(thisThread));
  if (index < 0) return null;
  for (let known = Atomics.load(words, used); known <= index; known = Atomics.load(words, used)) {
    Atomics.compareExchange(words, used, known, index + 1);
  }
  const lane = lanes[index]!;
  holds(() => lane.disown(thisThread));
  return lane;
}

/** Whether `value` is memory that begins with this sign and is longer than its header, in words. */
export function isSigned(value: unknown, header: number, sign: number): value is SharedArrayBuffer {
  return (
    value instanceof SharedArrayBuffer &&
    value.byteLength > header * 4 &&
    new Int32Array(value, 0, header)[0] === sign
  );
}
