import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../../dist/cli/main.js', import.meta.url));

/** `gopark journal ...`, until it ends. */
export function journalCommand(...args: string[]): { code: number | null; lines: string[]; stderr: string } {
  const command = [main, 'journal', ...args];
  const options = { encoding: 'utf8', maxBuffer: 1 << 28 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, command, options);
  return { code: status, lines: stdout.split('\n').slice(0, -1), stderr };
}

/** The ids of the orders in a journal, with their numbers, in order. */
export function ordersIn(path: string): { sequence: number; id: string }[] {
  const { code, lines, stderr } = journalCommand('cat', path);
  if (code !== 0) throw new Error(`gopark journal cat ended with ${code}: ${stderr}`);
  return lines
    .filter((line) => !line.startsWith('begin '))
    .map((line) => ({ sequence: Number(line.split(' ')[0]), id: line.split(' ')[2]! }));
}
