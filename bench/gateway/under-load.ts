import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadArguments, type Phase, PUBLISHERS } from '#dist/cli/load/options.js';
import { type Progress, parseProgress } from '#dist/cli/load/report.js';
import { Child } from '../lib/child.ts';
import { compile, MissingError } from '../lib/compile.ts';
import { cpuMicroseconds } from '../lib/cpu-time.ts';

const gateway = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const load = fileURLToPath(new URL('../../../dist/cli/load/main.js', import.meta.url));

/** What a phase showed: the driver's report, and what the gateway's process had meanwhile. */
export interface Found extends Progress {
  /** Answers a second, those of the last orders included. */
  readonly throughput: number;
  /** Of the gateway, for each order. */
  readonly cpuMicroseconds: number;
  /** Bytes, the most seen at the end of any second. */
  readonly resident: number;
  readonly threads: number;
}

/** What is started, and how. */
export interface GatewayStart {
  /** Another gateway that takes the same options. */
  readonly command?: readonly string[];
  /** Arguments for the gateway. */
  readonly gateway?: readonly string[];
  /** Arguments for the Node that runs ours. */
  readonly node?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** In C, where there is a compiler; both take the same arguments and report alike. */
function loadCommand(): readonly string[] {
  try {
    return [compile('gateway/order-load.c')];
  } catch (error) {
    if (!(error instanceof MissingError)) throw error;
    return [process.execPath, load];
  }
}

/** The gateway with connected and subscribed clients, each side a process on a core of its own. */
export class UnderLoad {
  readonly #server: Child;
  readonly #load: Child;
  /** Where the gateway listens. */
  readonly address: string;

  private constructor(server: Child, load: Child, address: string) {
    this.#server = server;
    this.#load = load;
    this.address = address;
  }

  static async start(connections: number, more: GatewayStart = {}): Promise<UnderLoad> {
    const most = String(connections + PUBLISHERS);
    const limits = ['--max-connections', most, '--max-per-address', most];
    const serve = ['--listen', '127.0.0.1:0', ...limits, ...(more.gateway ?? [])];
    const ours = [process.execPath, ...execArguments(), ...(more.node ?? []), gateway, 'gateway'];
    const server = new Child('server', [...(more.command ?? ours), ...serve], more.env);
    const address = (await server.line()).split(' ').at(-1)!;
    const options = { address, connections, symbols: 200, seconds: 0, rate: 0, feeds: 0, fromInput: true };
    const driver = new Child('load', [...loadCommand(), ...loadArguments(options)]);
    while (parseProgress(await driver.line()).kind !== 'ready');
    return new UnderLoad(server, driver, address);
  }

  /** The gateway's process and the load's. */
  get pids(): readonly number[] {
    return [this.#server.pid, this.#load.pid];
  }

  /** Bytes of the gateway now. */
  get resident(): number {
    return Number(this.#status('VmRSS')) * 1024;
  }

  async run(phase: Phase): Promise<Found> {
    const cpuBefore = cpuMicroseconds(this.#server.pid);
    let resident = 0;
    this.#load.say(JSON.stringify(phase));
    for (;;) {
      const progress = parseProgress(await this.#load.line());
      resident = Math.max(resident, this.resident);
      if (progress.kind !== 'end') continue;
      const used = cpuMicroseconds(this.#server.pid) - cpuBefore;
      return {
        ...progress,
        throughput: progress.acks / progress.seconds,
        cpuMicroseconds: used / progress.acks,
        resident,
        threads: Number(this.#status('Threads')),
      };
    }
  }

  async stop(): Promise<void> {
    await this.#load.stop();
    await this.#server.stop();
  }

  #status(name: string): string {
    const status = readFileSync(`/proc/${this.#server.pid}/status`, 'utf8');
    return RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]!;
  }
}

/** Arguments of Node's own for the gateway, to try out what they do. */
function execArguments(): string[] {
  return (process.env.GATEWAY_NODE_ARGUMENTS ?? '').split(' ').filter((argument) => argument !== '');
}
