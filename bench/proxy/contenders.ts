import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from '../lib/child.ts';
import { compileGo } from '../lib/compile.ts';

/** A proxy at work. */
export interface Running {
  readonly name: string;
  readonly child: Child;
  readonly port: string;
}

/** A port that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when somebody listens there: haproxy does not say so. */
async function listening(port: number): Promise<void> {
  for (const end = performance.now() + 5000; ; ) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    } finally {
      socket.destroy();
    }
  }
}

const module = (path: string) => fileURLToPath(new URL(path, import.meta.url));

async function startGopark(name: string, upstream: string, env: Record<string, string>): Promise<Running> {
  const main = module('../../../dist/cli/main.js');
  // The upstream goes away with each load. A probe for when it is back would be one of the next load's connections.
  const args = ['proxy', '--listen', '127.0.0.1:0', '--to', upstream, '--fail-after', '1000000'];
  const child = new Child('server', [process.execPath, main, ...args], env);
  return { name, child, port: /:(\d+)$/.exec(await child.line())![1]! };
}

async function startPrinting(name: string, command: readonly string[]): Promise<Running> {
  const child = new Child('server', command);
  return { name, child, port: await child.line() };
}

async function startHaproxy(name: string, upstream: string, folder: string, more = ''): Promise<Running> {
  const port = await freePort();
  const path = join(folder, `${name}.cfg`);
  writeFileSync(
    path,
    `global
  nbthread 1
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
${more}
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server one ${upstream}
`,
  );
  const child = new Child('server', ['haproxy', '-db', '-q', '-f', path]);
  await listening(port);
  return { name, child, port: String(port) };
}

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Who there is, why somebody is left out, and how each is started in front of `upstream`. */
export const contenders: Record<
  string,
  { missing: () => string | null; start: (upstream: string, folder: string) => Promise<Running> }
> = {
  gopark: { missing: () => null, start: (upstream) => startGopark('gopark', upstream, {}) },
  'gopark:portable': {
    missing: () => null,
    start: (upstream) => startGopark('gopark:portable', upstream, { GOPARK_DRIVER: 'portable' }),
  },
  node: {
    missing: () => null,
    start: (upstream) =>
      startPrinting('node', [process.execPath, module('servers/node-pipeline.js'), upstream]),
  },
  haproxy: {
    missing: () =>
      works('haproxy', '-v') ? null : 'haproxy is not installed (Debian: apt-get install haproxy)',
    start: (upstream, folder) => startHaproxy('haproxy', upstream, folder),
  },
  'haproxy:splice': {
    missing: () =>
      works('haproxy', '-v') ? null : 'haproxy is not installed (Debian: apt-get install haproxy)',
    start: (upstream, folder) => startHaproxy('haproxy:splice', upstream, folder, '  option splice-auto'),
  },
  go: {
    missing: () => (works('go', 'version') ? null : 'Go is not installed, or not in PATH'),
    start: (upstream) => startPrinting('go', [compileGo('proxy/peers/copy-proxy.go'), upstream]),
  },
};
