import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Report } from '#dist/cli/proxy/report.js';
import type { Ended } from '../../lib/child.ts';

export const main = fileURLToPath(new URL('../../../../dist/cli/main.js', import.meta.url));

/** Whether a program is installed here; else why the row is skipped. */
export function needsProgram(...names: string[]): { skip: string | false } {
  const missing = names.find(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
  return { skip: missing === undefined ? false : `${missing} is not installed` };
}

function launch(args: readonly string[], descriptors = 0): ChildProcessByStdio<null, Readable, Readable> {
  // NODE_OPTIONS and the runner's own variables would make it a part of this test run.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const words = [process.execPath, '--enable-source-maps', main, 'proxy', ...args];
  const limited = ['/bin/sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, ...words];
  const [command, ...rest] = descriptors === 0 ? words : limited;
  return spawn(command!, rest, {
    env: { GOPARK_HOLD_LIMIT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function ended(child: ChildProcessByStdio<null, Readable, Readable>, ms: number): Promise<Ended> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { code, signal, ...output };
}

/** `gopark proxy ...`, until it ends by itself. */
export function runProxy(...args: string[]): Promise<Ended> {
  return ended(launch(args), 30_000);
}

/** `gopark proxy --listen 127.0.0.1:0 --admin 127.0.0.1:0 ...` as a process of its own. */
export class ProxyProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<Ended>;
  readonly #lines: Interface;
  readonly #said: string[] = [];
  port = 0;
  #admin = 0;

  private constructor(args: readonly string[], descriptors?: number) {
    this.#child = launch(['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args], descriptors);
    this.#ended = ended(this.#child, 60_000);
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on('line', (line) => this.#said.push(line));
  }

  static start(...args: string[]): Promise<ProxyProcess> {
    return ProxyProcess.#started(new ProxyProcess(args));
  }

  /** With a limit for the descriptors it may have. */
  static startLimited(descriptors: number, ...args: string[]): Promise<ProxyProcess> {
    return ProxyProcess.#started(new ProxyProcess(args, descriptors));
  }

  static async #started(proxy: ProxyProcess): Promise<ProxyProcess> {
    proxy.port = Number(/:(\d+)$/.exec(await proxy.line('listening on 127.'))![1]);
    proxy.#admin = Number(/:(\d+)$/.exec(await proxy.line('answering questions on'))![1]);
    return proxy;
  }

  /** The first line that begins so, said or yet to be said. */
  async line(start: string): Promise<string> {
    for (;;) {
      const found = this.#said.find((line) => line.startsWith(start));
      if (found !== undefined) return found;
      const next = await Promise.race([once(this.#lines, 'line'), this.#ended]);
      if (!Array.isArray(next)) throw new Error(`the proxy ended: ${next.stderr}`);
    }
  }

  /** Runs `use` with a proxy of its own; afterwards SIGTERM must end that in good order. What it said on stderr. */
  static async with(args: readonly string[], use: (proxy: ProxyProcess) => Promise<void>): Promise<string> {
    const proxy = await ProxyProcess.start(...args);
    try {
      await use(proxy);
    } catch (error) {
      proxy.signal('SIGKILL');
      const { stderr } = await proxy.ended();
      throw stderr === ''
        ? error
        : new Error(`${(error as Error).message}; the proxy said ${stderr}`, { cause: error });
    }
    const { code, signal, stderr } = await proxy.stop();
    if (code !== 0) throw new Error(`the proxy ended with ${code ?? signal}: ${stderr}`);
    return stderr;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  ended(): Promise<Ended> {
    return this.#ended;
  }

  stop(): Promise<Ended> {
    this.signal('SIGTERM');
    return this.#ended;
  }

  connect(): Promise<Socket> {
    return connected(connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true }));
  }

  async report(): Promise<Report> {
    const response = await fetch(`http://127.0.0.1:${this.#admin}/`);
    return (await response.json()) as Report;
  }

  /** Asks until the answer is enough: what happened at another socket may take a moment. */
  async reportWhen(enough: (report: Report) => boolean, what: string, ms = 15_000): Promise<Report> {
    for (const end = performance.now() + ms; ; ) {
      const report = await this.report();
      if (enough(report)) return report;
      if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}: ${JSON.stringify(report)}`);
    }
  }

  ask(path: string, method = 'GET'): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#admin}${path}`, { method });
  }

  get adminPort(): number {
    return this.#admin;
  }

  /** Resident memory, in bytes. */
  memory(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
  }
}

async function connected(socket: Socket): Promise<Socket> {
  // A reset is an end like another; `ending` tells which, also when it came before this process looked at all.
  socket.on('error', () => {});
  if (socket.connecting) {
    await once(socket, 'connect').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET') throw error;
    });
  }
  return socket;
}

/** How a connection ends for whoever reads from it: its bytes, and the end or the code of the error. */
export async function ending(socket: Socket): Promise<{ bytes: Buffer; how: string }> {
  if (socket.errored !== null) {
    return { bytes: Buffer.alloc(0), how: (socket.errored as NodeJS.ErrnoException).code! };
  }
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  const how = await new Promise<string>((resolve) => {
    socket.once('end', () => resolve('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
  });
  return { bytes: Buffer.concat(parts), how };
}

/** The next `count` bytes; what follows them stays there. */
export async function take(socket: Socket, count: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let length = 0; ; ) {
    const part: Buffer | null = socket.read();
    if (part !== null) {
      parts.push(part);
      length += part.length;
    }
    if (length >= count) {
      const all = Buffer.concat(parts);
      if (length > count) socket.unshift(all.subarray(count));
      return all.subarray(0, count);
    }
    if (part !== null) continue;
    if (socket.destroyed || socket.readableEnded)
      throw new Error(`it ended after ${length} of ${count} bytes`);
    await new Promise<void>((resolve) => {
      const look = () => {
        socket.off('readable', look).off('end', look).off('close', look);
        resolve();
      };
      socket.on('readable', look).on('end', look).on('close', look);
    });
  }
}

/** A server on node:net: each connection is queued for the test, and does nothing by itself. */
export class UpstreamServer {
  readonly server: Server;
  readonly sockets: Socket[] = [];
  readonly #waiting: ((socket: Socket) => void)[] = [];
  #taken = 0;

  private constructor() {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      this.sockets.push(socket);
      this.#waiting.shift()?.(socket);
    });
  }

  /** On a port, or any; or on a path. */
  static async listen(at: number | string = 0): Promise<UpstreamServer> {
    const upstream = new UpstreamServer();
    if (typeof at === 'string') upstream.server.listen(at);
    else upstream.server.listen(at, '127.0.0.1');
    await once(upstream.server, 'listening');
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The next connection that the test has not seen. */
  next(): Promise<Socket> {
    const at = this.#taken++;
    if (at < this.sockets.length) return Promise.resolve(this.sockets[at]!);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends back what comes, on every connection from now on. */
  echo(prefix = ''): this {
    this.server.on('connection', (socket: Socket) => {
      if (prefix !== '') socket.write(prefix);
      socket.pipe(socket);
    });
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    if (this.server.listening) await once(this.server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
