import { cpuMicroseconds } from '../../../lib/cpu-time.ts';
import { NoiseMeter } from '../../../lib/noise.ts';
import { median } from '../../../lib/report.ts';
import { Latencies } from './latencies.ts';

/** The command line of load-generator.c. */
export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly size: number;
  readonly depth: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly server: number;
  readonly pattern: string;
  readonly lines: boolean;
}

export function loadFrom(argv: readonly string[]): Load {
  const [port, connections, size, depth, seconds, warmUp, server] = argv.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [pattern = 'closed', lines] = argv.slice(7);
  return { port, connections, size, depth, seconds, warmUp, server, pattern, lines: lines === 'lines' };
}

/** The window of a measurement: what happened in it, as the line of JSON that the C programs print. */
export class Window {
  readonly latencies = new Latencies();
  /** Open loop: of the messages due in each tenth of a second. */
  readonly #tenths: Latencies[] = [];
  messages = 0;
  readonly #server: number;
  readonly #size: number;
  readonly #noise: NoiseMeter;
  readonly #cpu: number;
  readonly #since = performance.now();
  #end: { seconds: number; cpu: number; others: number; steal: number } | null = null;

  constructor({ server, size }: Load) {
    this.#server = server;
    this.#size = size;
    this.#noise = new NoiseMeter([server]);
    this.#cpu = cpuMicroseconds(server);
  }

  /** In an open loop: `due` is in milliseconds since the window opened. */
  recordDue(due: number, microseconds: number): void {
    this.latencies.record(microseconds);
    const tenth = Math.floor(due / 100);
    this.#tenths[tenth] ??= new Latencies();
    this.#tenths[tenth].record(microseconds);
  }

  close(): void {
    const seconds = (performance.now() - this.#since) / 1000;
    this.#end = { seconds, cpu: cpuMicroseconds(this.#server) - this.#cpu, ...this.#noise.stop() };
  }

  print(unanswered: number): void {
    const { messages } = this;
    const { seconds } = this.#end!;
    const rate = { messages, bytes: messages * this.#size, messagesPerSecond: messages / seconds };
    // How the kernel divides CPU time is not looked at here.
    const ticks = { userTicks: 0, systemTicks: 0 };
    const p99s = Object.values(this.#tenths).map((one) => one.percentile(0.99));
    const tenths = p99s.length > 0 ? { p99OfTenths: median(p99s) } : {};
    const found = { ...rate, unanswered, ...this.latencies.report(), ...tenths, ...this.#end, ...ticks };
    console.log(JSON.stringify(found));
  }
}
