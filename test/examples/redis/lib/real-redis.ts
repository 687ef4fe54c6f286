import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Why tests beside the real thing are skipped here; false: it is there. */
export function lacksTool(name: 'redis-server' | 'redis-cli'): string | false {
  return spawnSync(name, ['--version']).status === 0 ? false : `this machine lacks ${name}`;
}

/** A real redis-server on a Unix socket, until the test ends. */
export async function startRedis(t: TestContext): Promise<{ path: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'gopark-redis-'));
  const path = join(directory, 'socket');
  const options = [
    '--port',
    '0',
    '--unixsocket',
    path,
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    directory,
  ];
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(directory, { recursive: true, force: true });
  });
  for await (const line of child.stdout.setEncoding('utf8')) {
    if (String(line).includes('accept connections')) break;
  }
  child.stdout.resume();
  return { path };
}
