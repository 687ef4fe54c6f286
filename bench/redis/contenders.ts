import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Child } from '../lib/child.ts';

/** A server that runs, and how it is reached. */
export interface Running {
  readonly name: string;
  readonly port: number;
  readonly child: Child;
}

const example = fileURLToPath(new URL('../../examples/redis/main.js', import.meta.url));

/** Every server keeps everything in memory, and nothing on the disk. */
const commands: Readonly<Record<string, (port: number) => readonly string[]>> = {
  gopark: (port) => [process.execPath, example, '--port', String(port)],
  redis: (port) => ['redis-server', '--port', String(port), '--save', '', '--appendonly', 'no'],
};

export const names = Object.keys(commands);

/** What is missing on this machine; null: nothing. */
export function missingTool(): string | null {
  for (const tool of ['redis-server', 'redis-benchmark']) {
    if (spawnSync(tool, ['--version']).status !== 0) return tool;
  }
  return null;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

export async function start(name: string): Promise<Running> {
  const port = await freePort();
  const child = new Child('server', commands[name]!(port));
  const ready = name === 'redis' ? /eady to accept connections/ : /^ready on /;
  while (!ready.test(await child.line()));
  return { name, port, child };
}
