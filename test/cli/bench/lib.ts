import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ended } from '../../lib/child.ts';

const main = fileURLToPath(new URL('../../../../dist/cli/main.js', import.meta.url));

export interface RunOptions {
  /** A limit for the descriptors it may have. */
  descriptors?: number;
  /** Told of every line on stderr; `interrupt` is Ctrl-C. */
  onLine?: (line: string, interrupt: () => void) => void;
  /** Called at the beginning. */
  onStart?: (interrupt: () => void) => void;
}

/** `gopark bench ...`, until it ends; killed after a minute. */
export async function runBench(
  args: readonly string[],
  { descriptors, onLine, onStart }: RunOptions = {},
): Promise<Ended> {
  // NODE_OPTIONS and the runner's own variables would make it a part of this test run.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const command = [process.execPath, '--enable-source-maps', main, 'bench', ...args];
  const limited = ['/bin/sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, ...command];
  const [file, ...rest] = descriptors === undefined ? command : limited;
  const child = spawn(file!, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const interrupt = () => {
    child.kill('SIGINT');
  };
  onStart?.(interrupt);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      if (name === 'stderr') for (const line of text.split('\n')) onLine?.(line, interrupt);
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { code, signal, ...output };
}

/** Runs `use` beside a server of Node's that does `serve` with each connection. `path`: on a Unix socket. */
export async function withServer<T>(
  serve: (socket: Socket) => void,
  use: (address: string, server: Server) => Promise<T>,
  path?: string,
): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    serve(socket);
  });
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  const address = path === undefined ? `127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${path}`;
  try {
    return await use(address, server);
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

export function echo(socket: Socket): void {
  socket.on('data', (data) => socket.write(data));
}

/** Runs `use` with a path of its own, which is gone afterwards. */
export async function withPath<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = join(tmpdir(), `gopark-bench-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    return await use(path);
  } finally {
    rmSync(path, { force: true });
  }
}
