import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

const KEY = 'gopark.told';
/** What is told once, each at its place. */
const SUBJECTS = ['driver', 'files'] as const;
const SIZE = 4 * SUBJECTS.length;

/** Memory that all threads of this process share; the first one to ask lays it out, and workers inherit it. */
function sharedFlag(): Int32Array {
  const inherited: unknown = getEnvironmentData(KEY);
  if (inherited instanceof SharedArrayBuffer && inherited.byteLength >= SIZE)
    return new Int32Array(inherited);
  const flag = new SharedArrayBuffer(SIZE);
  setEnvironmentData(KEY, flag);
  return new Int32Array(flag);
}

// Now, not when it is first needed: the workers that this thread starts inherit only what is there by then.
const flag = sharedFlag();

/**
 * True for the first caller of the process with this subject, whichever thread it is in. Threads whose parent never loaded gopark
 * cannot know of each other: then it is once for each of these.
 */
export function oncePerProcess(subject: (typeof SUBJECTS)[number] = 'driver'): boolean {
  return Atomics.exchange(flag, SUBJECTS.indexOf(subject), 1) === 0;
}
