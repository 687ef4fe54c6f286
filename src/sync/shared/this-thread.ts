import { threadId } from 'node:worker_threads';

/** By what others know this thread: never used twice in a process, and above 0. */
export const thisThread: number = threadId + 1;

const held = new Set<() => void>();

/** Calls `giveBack` if the thread ends by itself while it holds something. (For one that is ended see `reclaim`.) */
export function holds(giveBack: () => void): void {
  if (held.size === 0) process.once('exit', giveBackAll);
  held.add(giveBack);
}

export function holdsNoMore(giveBack: () => void): void {
  held.delete(giveBack);
  if (held.size === 0) process.off('exit', giveBackAll);
}

function giveBackAll(): void {
  for (const giveBack of held) giveBack();
}
