// `npm run bench:proxy`: proxies side by side. `-- --only stream --contenders gopark,go --rounds 10 --seconds 1`, `-- --quick`
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Child } from '../lib/child.ts';
import { compile } from '../lib/compile.ts';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { machine, median, printTable } from '../lib/report.ts';
import { contenders, freePort, type Running } from './contenders.ts';

const workloads = {
  stream: { title: '16 streams of 64 KiB blocks, one way', mode: 'stream', connections: 16 },
  ping: { title: '100 connections, 64 B there and back', mode: 'ping', connections: 100 },
} as const;

type Workload = (typeof workloads)[keyof typeof workloads];

/** One short load. Microseconds of CPU are the proxy's. */
interface Slice {
  readonly bytes: number;
  readonly seconds: number;
  readonly cpu: number;
  readonly messages: number;
  readonly p50: number;
  readonly p99: number;
}

const settling = 0.2;
/** Long enough for V8 to have compiled what is hot. */
const warmUp = 0.8;

async function slice(
  program: string,
  { name, child, port }: Running,
  upstream: number,
  { mode, connections }: Workload,
  seconds: number,
): Promise<Slice> {
  const args = [mode, port, upstream, connections, seconds, settling, child.pid].map(String);
  const load = new Child('load', [program, ...args]);
  try {
    return JSON.parse(await load.line());
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    await load.stop();
  }
}

/** What a second of the proxy's CPU time achieves: bytes of a stream, messages of a ping. */
function perCPUSecond(workload: Workload, one: Slice): number {
  return (workload.mode === 'stream' ? one.bytes : one.messages) / (one.cpu / 1e6);
}

function print(workload: Workload, found: ReadonlyMap<string, readonly Slice[]>): void {
  const middle = (slices: readonly Slice[], of: (one: Slice) => number) => median(slices.map(of));
  const ratio = (slices: readonly Slice[], peer: string) => {
    const base = found.get(peer);
    if (base === undefined) return '-';
    const ratios = slices.map((one, i) => perCPUSecond(workload, one) / perCPUSecond(workload, base[i]!));
    return median(ratios).toFixed(2);
  };
  const streaming = workload.mode === 'stream';
  const rows = [...found].map(([name, slices]) => [
    name,
    streaming
      ? middle(slices, (one) => one.bytes / one.seconds / 1e6).toFixed(0)
      : middle(slices, (one) => one.messages / one.seconds).toFixed(0),
    streaming
      ? middle(slices, (one) => perCPUSecond(workload, one) / 1e6).toFixed(0)
      : middle(slices, (one) => one.cpu / one.messages).toFixed(1),
    middle(slices, (one) => (one.cpu / 1e6 / one.seconds) * 100).toFixed(0),
    ...(streaming
      ? []
      : [middle(slices, (one) => one.p50).toFixed(0), middle(slices, (one) => one.p99).toFixed(0)]),
    ratio(slices, 'node'),
    ratio(slices, 'go'),
  ]);
  console.log(`\n${workload.title}\n`);
  printTable(
    streaming
      ? ['who', 'MB/s', 'MB per CPU s', 'CPU %', 'per CPU s x node', 'x go']
      : ['who', 'round trips/s', 'CPU us each', 'CPU %', 'p50 us', 'p99 us', 'per CPU s x node', 'x go'],
    rows,
  );
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      contenders: { type: 'string' },
    },
  });
  const rounds = numberIn(values.rounds ?? (values.quick ? '2' : '7'), 'rounds');
  const seconds = numberIn(values.seconds ?? (values.quick ? '0.3' : '0.6'), 'seconds');
  const only = namesIn(values.only, Object.keys(workloads), 'workload') as (keyof typeof workloads)[];
  const names = namesIn(values.contenders, Object.keys(contenders), 'contender');
  const program = compile('proxy/load/both-ends.c');
  console.log(machine());
  console.log(
    `medians of ${rounds} rounds of ${seconds} s; ratios paired within a round; CPU of the proxy alone`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'gopark-proxy-'));
  const running: Running[] = [];
  try {
    const upstream = await freePort();
    for (const name of names) {
      const { missing, start } = contenders[name]!;
      const why = missing();
      if (why === null) running.push(await start(`127.0.0.1:${upstream}`, folder));
      else console.log(`without ${name}: ${why}`);
    }
    for (const key of only) {
      const workload = workloads[key];
      const found = new Map(running.map(({ name }) => [name, [] as Slice[]]));
      for (const one of running) await slice(program, one, upstream, workload, warmUp);
      for (let round = 0; round < rounds; round++) {
        for (const one of running)
          found.get(one.name)!.push(await slice(program, one, upstream, workload, seconds));
      }
      print(workload, found);
    }
  } finally {
    for (const { child } of running) await child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
