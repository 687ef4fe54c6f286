import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Writes to stderr what must arrive even when the process ends right behind it. */
export function complain(text: string): void {
  // A worker's process.stderr goes by way of the main thread, which may not come to it any more.
  if (isMainThread) process.stderr.write(text);
  else writeSync(2, text);
}
