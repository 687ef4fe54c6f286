import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Ended } from '../../lib/child.ts';

const main = fileURLToPath(new URL('../../../../dist/cli/main.js', import.meta.url));

/** `limits`: arguments of the shell's ulimit. */
function launch(args: readonly string[], limits?: string): ChildProcessByStdio<null, Readable, Readable> {
  // NODE_OPTIONS and the runner's own variables would make it a part of this test run.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const command = [process.execPath, '--enable-source-maps', main, 'gateway', ...args];
  const shell = ['/bin/sh', '-c', `ulimit ${limits}; exec "$0" "$@"`];
  const [file, ...rest] = limits === undefined ? command : [...shell, ...command];
  return spawn(file!, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Resolves when the process and its output have ended; killed after `ms`. */
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

/** `gopark gateway ...`, until it ends by itself. */
export function runGateway(args: readonly string[], descriptors?: number): Promise<Ended> {
  return ended(launch(args, descriptors === undefined ? undefined : `-n ${descriptors}`), 30_000);
}

/** `gopark gateway --listen 127.0.0.1:0 ...` as a process of its own. */
export class GatewayProcess {
  readonly port: number;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<Ended>;

  private constructor(
    port: number,
    child: ChildProcessByStdio<null, Readable, Readable>,
    end: Promise<Ended>,
  ) {
    this.port = port;
    this.#child = child;
    this.#ended = end;
  }

  static async start(args: readonly string[] = [], limits?: string): Promise<GatewayProcess> {
    const child = launch(['--listen', '127.0.0.1:0', '--max-connections', '400', ...args], limits);
    const end = ended(child, 60_000);
    const lines = createInterface({ input: child.stdout });
    const first = await Promise.race([once(lines, 'line'), end]);
    if (!Array.isArray(first)) throw new Error(`the gateway did not start: ${first.stderr}`);
    lines.close();
    child.stdout.resume();
    const port = /^listening on 127\.0\.0\.1:(\d+)$/.exec(first[0])?.[1];
    if (port === undefined) throw new Error(`unexpected first line: ${first[0]}`);
    return new GatewayProcess(Number(port), child, end);
  }

  /** Runs `use` with a gateway of its own; afterwards SIGTERM must end that in good order. */
  static async with(args: readonly string[], use: (gateway: GatewayProcess) => Promise<void>): Promise<void> {
    const gateway = await GatewayProcess.start(args);
    try {
      await use(gateway);
    } catch (error) {
      gateway.signal('SIGKILL');
      await gateway.ended();
      throw error;
    }
    const { code, stderr } = await gateway.stop();
    if (code !== 0 || stderr !== '') throw new Error(`the gateway ended with ${code}: ${stderr}`);
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

  /** Resident memory, in bytes. */
  memory(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length;
  }
}
