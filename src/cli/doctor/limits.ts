import { threadPoolSize } from '../../runtime/threads.ts';
import { groupLimits } from './cgroup.ts';
import { readNumber, readText, type System } from './system.ts';

/** A limit that the system sets to this process. */
export interface Limit {
  readonly name: string;
  /** What counts now; null where it is unknown. */
  readonly value: number | 'unlimited' | null;
  /** Up to where the process may raise it itself, where there is such a thing. */
  readonly hard: number | 'unlimited' | null;
  readonly detail: string;
  /** What to type, when it is too low. */
  readonly advice: string | null;
}

type Amount = number | 'unlimited';

/** Enough for the gateway's default of 10,000 connections. */
const ENOUGH_DESCRIPTORS = 10_240;
const ENOUGH_BACKLOG = 1024;
const ENOUGH_THREADS = 256;
const ENOUGH_PORTS = 10_000;
/** libuv's own default. */
const THREAD_POOL = 4;
const MIB = 1024 * 1024;

const isBelow = (value: Amount | null, enough: number): boolean =>
  typeof value === 'number' && value < enough;

function amount(text: string | undefined): Amount | null {
  if (text === undefined) return null;
  return text === 'unlimited' ? 'unlimited' : Number(text);
}

/** A resource limit: its line in /proc/self/limits, or what Node's report calls it elsewhere. */
function resource(
  system: System,
  line: string,
  reported: string,
): { value: Amount | null; hard: Amount | null } {
  const limits = readText(system, '/proc/self/limits');
  if (limits !== null) {
    const [, soft, hard] =
      new RegExp(`^${line}\\s+(\\d+|unlimited)\\s+(\\d+|unlimited)`, 'm').exec(limits) ?? [];
    return { value: amount(soft), hard: amount(hard) };
  }
  const limit = system.userLimits()[reported];
  return { value: limit?.soft ?? null, hard: limit?.hard ?? null };
}

function descriptors(system: System): Limit {
  const { value, hard } = resource(system, 'Max open files', 'open_files');
  const low = isBelow(value, ENOUGH_DESCRIPTORS);
  return {
    name: 'descriptors',
    value,
    hard,
    detail: 'one for each connection, and some more; Node raises the soft limit to the hard one as it starts',
    advice: low
      ? 'descriptors: ulimit -Hn 65536 && ulimit -n 65536 as root (or a line in /etc/security/limits.conf); ' +
        'LimitNOFILE=65536 in a systemd unit; --ulimit nofile=65536 for a container'
      : null,
  };
}

function lockedMemory(system: System): Limit {
  return {
    name: 'memlock',
    ...resource(system, 'Max locked memory', 'max_locked_memory'),
    detail: 'bytes; only io_uring before Linux 5.12 counts its rings here',
    advice: null,
  };
}

function sysctl(system: System, name: string, key: string, enough: number, detail: string): Limit {
  const value = readNumber(system, `/proc/sys/${key.replaceAll('.', '/')}`);
  return {
    name,
    value,
    hard: null,
    detail: `${detail}: ${key}`,
    advice: isBelow(value, enough)
      ? `${name}: sysctl -w ${key}=4096 as root, and the same in a file in /etc/sysctl.d to keep it`
      : null,
  };
}

function localPorts(system: System): Limit {
  const key = 'net.ipv4.ip_local_port_range';
  const [, first, last] =
    /^(\d+)\s+(\d+)/.exec(readText(system, `/proc/sys/${key.replaceAll('.', '/')}`) ?? '') ?? [];
  const value = first === undefined ? null : Number(last) - Number(first) + 1;
  return {
    name: 'local ports',
    value,
    hard: null,
    detail: `connections that can be dialled to one address: ${key}`,
    advice: isBelow(value, ENOUGH_PORTS) ? `local ports: sysctl -w ${key}="15000 64999" as root` : null,
  };
}

function threads(system: System, tasks: number | null): Limit {
  const { value: processes } = resource(system, 'Max processes', 'max_user_processes');
  const known = [processes, tasks, readNumber(system, '/proc/sys/kernel/threads-max')].filter(
    (limit) => typeof limit === 'number',
  );
  const value = known.length === 0 ? processes : Math.min(...known);
  return {
    name: 'threads',
    value,
    hard: null,
    detail: 'of this user, this group of processes or the machine, whichever is least',
    advice: isBelow(value, ENOUGH_THREADS)
      ? 'threads: ulimit -u 4096; TasksMax=4096 in a systemd unit; --pids-limit 4096 for a container'
      : null,
  };
}

function threadPool(system: System): Limit {
  const value = threadPoolSize(system.env.UV_THREADPOOL_SIZE ?? String(THREAD_POOL));
  return {
    name: 'thread pool',
    value,
    hard: 1024,
    detail: 'files and name look-ups share it: UV_THREADPOOL_SIZE',
    advice:
      value < THREAD_POOL
        ? `thread pool: UV_THREADPOOL_SIZE=${THREAD_POOL} or more, or files and look-ups wait for each other`
        : null,
  };
}

function processors(system: System, quota: number | null): Limit {
  return {
    name: 'processors',
    value: quota === null ? system.processors : Math.min(quota, system.processors),
    hard: null,
    detail: quota === null ? '' : `of ${system.processors}: a control group limits them`,
    advice:
      quota !== null && quota < 1
        ? 'processors: less than one, so the kernel stops the process again and again; ' +
          'CPUQuota=100% in a systemd unit; --cpus 1 for a container'
        : null,
  };
}

function memory(system: System, limit: number | null): Limit {
  const suggested = limit === null ? 0 : Math.max(16, Math.floor((limit * 0.7) / MIB));
  return {
    name: 'memory',
    value: limit ?? (system.platform === 'linux' ? 'unlimited' : null),
    hard: null,
    detail: `bytes, by control group; V8's heap may take ${Math.round(system.heapLimit / MIB)} MiB`,
    advice:
      limit !== null && system.heapLimit > limit
        ? `memory: the heap may grow beyond what the control group gives; NODE_OPTIONS=--max-old-space-size=${suggested}`
        : null,
  };
}

/** The limits that matter to a server, each with advice when it is too low. */
export function systemLimits(system: System): Limit[] {
  const group = groupLimits(system);
  return [
    descriptors(system),
    lockedMemory(system),
    sysctl(system, 'backlog', 'net.core.somaxconn', ENOUGH_BACKLOG, 'connections that wait to be accepted'),
    sysctl(system, 'SYN backlog', 'net.ipv4.tcp_max_syn_backlog', ENOUGH_BACKLOG, 'connections half made'),
    localPorts(system),
    threads(system, group.tasks),
    threadPool(system),
    processors(system, group.processors),
    memory(system, group.memory),
  ];
}
