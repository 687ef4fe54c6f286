import { readdirSync, readFileSync } from 'node:fs';

function runningTime(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]);
  } catch (error) {
    // Threads may end while we look.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

/** Microseconds of CPU that all present threads of a process have had. schedstat counts nanoseconds, stat only ticks. */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += runningTime(`/proc/${pid}/task/${thread}/schedstat`);
  }
  return nanoseconds / 1000;
}
