import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds of CPU that all threads of a process have had. schedstat counts nanoseconds, stat only ticks. */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1000;
}
