import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { driverChoice } from '../../poll/index.ts';
import { escapeText } from '../../runtime/escape.ts';
import { defaultOptions, type GatewayOptions } from '../gateway/options.ts';
import { describeProcs, type RunningGateway, startGateway } from '../gateway/start.ts';
import { descriptorShortage } from '../lib/descriptor-limit.ts';
import { loadArguments, PUBLISHERS, SUBSCRIPTIONS } from '../load/options.ts';
import { type Progress, parseProgress } from '../load/report.ts';
import type { DemoOptions } from './options.ts';
import { finalTable, header, liveLine } from './print.ts';
import { Spread } from './spread.ts';
import { Vitals } from './vitals.ts';

export { type DemoOptions, demoOptions, parseDemo } from './options.ts';

/** Prices a second, and at most so many ticks a second that they make: the show is about orders. */
const FEEDS = 500;
const MOST_TICKS = 20_000;

/** The gateway in this process, its load in another: a live line a second, a table at the end. The exit code. */
export async function runDemo(options: GatewayOptions, demo: DemoOptions): Promise<number> {
  const connections = demo.connections + PUBLISHERS;
  const shortage = descriptorShortage(connections);
  if (shortage !== null) {
    console.error(`gopark gateway: ${shortage}\nThe option is --connections.`);
    return 1;
  }
  const gateway = await startGateway(
    {
      ...options,
      // A gateway that serves already does not stand in the way of a demo.
      address: options.address === defaultOptions.address ? '127.0.0.1:0' : options.address,
      maxConnections: Math.max(options.maxConnections, connections),
      maxPerAddress: Math.max(options.maxPerAddress, connections),
    },
    { watched: true },
  );
  const perFeed = (demo.connections * SUBSCRIPTIONS) / demo.symbols;
  const feeds = Math.max(1, Math.min(FEEDS, Math.floor(MOST_TICKS / Math.max(1, perFeed))));
  console.log(
    `gateway on ${gateway.addr}; ${demo.connections} clients, ${demo.rate} orders/s, ${feeds} prices/s`,
  );
  const procs = describeProcs(gateway);
  if (procs !== null) console.log(procs);
  const vitals = new Vitals(() => gateway.takeStall());
  const spread = new Spread();
  vitals.start();
  const last = await watch(gateway, { ...demo, feeds, address: String(gateway.addr) }, vitals, spread);
  const { counters } = gateway;
  const table = last === null ? '' : finalTable(last, { ...counters }, vitals, demo.connections, spread);
  await gateway.shutdown();
  vitals.stop();
  if (last === null) return 1;
  console.log(`\n${table}`);
  return verdict(last, counters.refused);
}

/** Runs the load to its end and prints its seconds. The last report, or null when there was none. */
async function watch(
  gateway: RunningGateway,
  load: Parameters<typeof loadArguments>[0],
  vitals: Vitals,
  spread: Spread,
): Promise<Progress | null> {
  const main = fileURLToPath(new URL('../load/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, ...loadArguments(load)], {
    // The driver that this process has: why it is not a better one has been said.
    env: { ...process.env, GOPARK_DRIVER: driverChoice().driver! },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? '' : `exit ${code ?? signal}`));
  });
  let stopped = null as NodeJS.Signals | null;
  const stop = (signal: NodeJS.Signals) => {
    stopped = signal;
    child.kill(signal);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let last: Progress | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const progress = parseProgress(line);
    if (progress.kind === 'end') last = progress;
    else if (progress.kind === 'ramp') console.log(`connecting: ${gateway.counters.connections}`);
    else if (progress.kind === 'second') {
      if (vitals.mostMemory === 0) console.log(header());
      console.log(liveLine(progress, vitals.read()));
      spread.read(gateway.procs);
    }
  }
  vitals.read();
  const failure = await ended;
  process.off('SIGINT', stop).off('SIGTERM', stop);
  if (stopped !== null) console.error(`gopark gateway: stopped by ${stopped}`);
  else if (failure !== '') console.error(`gopark gateway: the load driver failed: ${failure}`);
  return failure === '' ? last : null;
}

function verdict(last: Progress, refused: number): number {
  const problems: string[] = [];
  if (refused > 0) problems.push(`${refused} connections were refused`);
  if (last.lost > 0) problems.push(`${last.lost} orders were not acknowledged`);
  if (last.skipped > 0)
    problems.push(`${last.skipped} orders or prices could not be sent: they were not read`);
  if (last.errors > 0) problems.push(`${last.errors} errors, the first: ${escapeText(last.firstError)}`);
  for (const problem of problems) console.error(`gopark gateway: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}
