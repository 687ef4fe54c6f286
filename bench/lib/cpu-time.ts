import { readdirSync, readFileSync } from 'node:fs';

/** What `look` finds; `otherwise` when a thread or the process ends while we look. */
function unlessGone<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return otherwise;
    throw error;
  }
}

/**
 * Microseconds of CPU that all present threads of a process have had; 0 when it has gone. schedstat counts nanoseconds,
 * stat only ticks.
 */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of unlessGone(() => readdirSync(`/proc/${pid}/task`), [])) {
    const text = unlessGone(() => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'), '0');
    nanoseconds += Number(text.split(' ')[0]);
  }
  return nanoseconds / 1000;
}
