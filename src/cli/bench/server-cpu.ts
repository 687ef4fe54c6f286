import { readdirSync, readFileSync } from 'node:fs';
import { IOError } from '../../io/index.ts';

/** Microseconds of CPU that all threads of a process have had, as the Linux kernel counts them. */
export function cpuOf(pid: number): number {
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
    return nanoseconds / 1000;
  } catch (error) {
    throw new IOError(
      'ERR_PID',
      `the CPU time of process ${pid} cannot be read: ${(error as Error).message}`,
    );
  }
}
