import { readNumber, readText, type System } from './system.ts';

/** What the control groups of this process, all the way up, leave to it. Null: no limit, or none that can be seen. */
export interface GroupLimits {
  /** Processors, perhaps a fraction of one. */
  readonly processors: number | null;
  /** Bytes. */
  readonly memory: number | null;
  readonly tasks: number | null;
}

const ROOT = '/sys/fs/cgroup';
/** Version 1 says "unlimited" by a number near 2^63. */
const UNLIMITED = 2 ** 60;

/** The folder of a group and those above it. In a container the outer part of the path is not to be seen. */
function folders(mount: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return parts.map((_, i) => `${mount}/${parts.slice(0, i + 1).join('/')}`).concat(mount);
}

function least(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null && value < UNLIMITED) as number[];
  return known.length === 0 ? null : Math.min(...known);
}

function quota(system: System, folder: string): number | null {
  const [, share, period] = /^(\d+) (\d+)/.exec(readText(system, `${folder}/cpu.max`) ?? '') ?? [];
  return share === undefined ? null : Number(share) / Number(period);
}

function oldQuota(system: System, folder: string): number | null {
  const share = readNumber(system, `${folder}/cpu.cfs_quota_us`);
  const period = readNumber(system, `${folder}/cpu.cfs_period_us`);
  return share === null || period === null || period === 0 ? null : share / period;
}

/** Reads both versions of control groups; the tightest limit counts. */
export function groupLimits(system: System): GroupLimits {
  const groups = readText(system, '/proc/self/cgroup') ?? '';
  const processors: (number | null)[] = [];
  const memory: (number | null)[] = [];
  const tasks: (number | null)[] = [];
  for (const line of groups.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const names = controllers.split(',');
    if (controllers === '') {
      for (const folder of [...folders(ROOT, path), ...folders(`${ROOT}/unified`, path)]) {
        processors.push(quota(system, folder));
        memory.push(readNumber(system, `${folder}/memory.max`));
        tasks.push(readNumber(system, `${folder}/pids.max`));
      }
    }
    if (names.includes('cpu'))
      processors.push(...folders(`${ROOT}/cpu`, path).map((folder) => oldQuota(system, folder)));
    if (names.includes('memory'))
      memory.push(
        ...folders(`${ROOT}/memory`, path).map((folder) =>
          readNumber(system, `${folder}/memory.limit_in_bytes`),
        ),
      );
    if (names.includes('pids'))
      tasks.push(...folders(`${ROOT}/pids`, path).map((folder) => readNumber(system, `${folder}/pids.max`)));
  }
  return { processors: least(processors), memory: least(memory), tasks: least(tasks) };
}
