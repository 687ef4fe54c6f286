import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { MissingError } from '../lib/compile.ts';

const CALLS = ['recvfrom', 'recvmsg', 'read', 'readv', 'sendto', 'sendmsg', 'write', 'writev'];
const MORE_CALLS = ['epoll_wait', 'epoll_pwait', 'epoll_ctl', 'io_uring_enter'];

/** Throws where `perf` is missing, or may not look into the kernel. */
export function needPerf(): void {
  const { status, error } = spawnSync('perf', ['stat', '-e', 'cpu-clock:k', 'true'], { stdio: 'ignore' });
  if (error !== undefined) throw new MissingError('perf is not installed');
  if (status !== 0) throw new MissingError('perf may not look: kernel.perf_event_paranoid, or be root');
}

async function perf(args: readonly string[]): Promise<string> {
  const child = spawn('perf', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`perf ${args[0]} ended with ${code}: ${told}`);
  return told;
}

/** Takes samples of a process for some seconds; the text of `perf script`. */
export async function sample(pid: number, seconds: number, file: string): Promise<string> {
  await perf(['record', '-q', '-g', '-F', '1999', '-p', `${pid}`, '-o', file, '--', 'sleep', `${seconds}`]);
  const { stdout } = spawnSync('perf', ['script', '-i', file, '-F', 'ip,sym,dso'], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  return stdout;
}

/** How often a process makes each system call in some seconds; null where that cannot be told. */
export async function systemCalls(pid: number, seconds: number): Promise<Map<string, number> | null> {
  const events = [...CALLS, ...MORE_CALLS].map((name) => `syscalls:sys_enter_${name}`);
  try {
    const told = await perf([
      'stat',
      '-x,',
      '-e',
      events.join(','),
      '-p',
      `${pid}`,
      '--',
      'sleep',
      `${seconds}`,
    ]);
    const counts = new Map<string, number>();
    for (const line of told.split('\n')) {
      const [count, , event] = line.split(',');
      if (event !== undefined && /^\d+$/.test(count!))
        counts.set(event.replace(/.*sys_enter_/, ''), Number(count));
    }
    return counts;
  } catch {
    // Only root may use tracepoints.
    return null;
  }
}
