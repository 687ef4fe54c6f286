import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** Of all that is counted by the processor these are the steadiest: the same work is the same number. */
export const INSTRUCTIONS = 'instructions:u';

/** Whether `perf` can count `event` here; many virtual machines have no counters. */
export function canCount(event: string): boolean {
  const { status, stderr } = spawnSync('perf', ['stat', '-x', ',', '-e', event, 'true'], {
    encoding: 'utf8',
  });
  return status === 0 && parse(stderr) !== null;
}

/** The count in a line of `perf stat -x,`; null: it could not be counted. */
function parse(output: string): number | null {
  const value = /^([\d.]+),/m.exec(output)?.[1];
  return value === undefined ? null : Number(value);
}

/** Counts `event` of all threads of a process while `work` runs. */
export async function counted<T>(
  event: string,
  pid: number,
  work: () => Promise<T>,
): Promise<{ found: T; count: number }> {
  const args = ['stat', '-x', ',', '-e', event, '-p', String(pid), '-D', '-1', '--control', 'fd:3,4'];
  const perf: ChildProcess = spawn('perf', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
  let output = '';
  perf.stderr!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = once(perf, 'close');
  const control = perf.stdio[3] as Writable;
  const answers = createInterface({ input: perf.stdio[4] as Readable })[Symbol.asyncIterator]();
  const tell = async (command: 'enable' | 'disable') => {
    control.write(`${command}\n`);
    if ((await answers.next()).done) throw new Error(`perf: ${output.trim()}`);
  };
  try {
    await tell('enable');
    const found = await work();
    await tell('disable');
    perf.kill('SIGINT');
    await ended;
    const count = parse(output);
    if (count === null) throw new Error(`perf: ${output.trim()}`);
    return { found, count };
  } finally {
    perf.kill('SIGINT');
  }
}
