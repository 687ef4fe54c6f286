import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { directoryOf } from '../../os/lib.ts';

/** For tests that need a real server: Debian's package of that name. */
export const needsNats = {
  skip: spawnSync('nats-server', ['--version']).status === 0 ? false : 'nats-server is not installed',
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A nats-server with JetStream of its own, which may be ended and started again. */
export class NatsServer {
  readonly #port: number;
  readonly #directory: string;
  #child: ChildProcess | null = null;

  private constructor(port: number, directory: string) {
    this.#port = port;
    this.#directory = directory;
  }

  static async start(t: TestContext): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), directoryOf(t));
    t.after(() => server.kill());
    await server.run();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  async run(): Promise<void> {
    const args = ['-js', '-sd', this.#directory, '-a', '127.0.0.1', '-p', String(this.#port)];
    const child = spawn('nats-server', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('Server is ready')) break;
    }
    child.stderr.resume();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/** What a tick says: its symbol and price, and its number. */
export function parseTick(line: string): { what: string; sequence: number } {
  const found = /^TICK (\S+ \S+) \d{13} (\d+)$/.exec(line);
  if (found === null) throw new Error(`no tick with a number: ${line}`);
  return { what: found[1]!, sequence: Number(found[2]) };
}
