import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as nodeConnect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const LISTENER = `const server = require('node:net').createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;

/**
 * Runs `use` with the port of an address where a connect hangs: its listener's backlog is full, and the process that
 * should accept is stopped.
 */
export async function withBlackHole(use: (port: number, host: string) => Promise<void>): Promise<void> {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const child = spawn(process.execPath, ['-e', LISTENER], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const fillers: Socket[] = [];
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const port = Number(line);
    child.kill('SIGSTOP');
    for (let connected = true; connected; ) {
      const filler = nodeConnect(port, '127.0.0.1');
      filler.on('error', () => {});
      fillers.push(filler);
      connected = await Promise.race([
        once(filler, 'connect').then(() => true),
        new Promise<false>((resolve) => setTimeout(resolve, 100, false)),
      ]);
    }
    await use(port, '127.0.0.1');
  } finally {
    for (const filler of fillers) filler.destroy();
    child.kill('SIGKILL');
    await ended;
  }
}
