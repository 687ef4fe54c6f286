import { descriptorShortage } from '#dist/cli/lib/descriptor-limit.js';
import { findSaturation } from '../gateway/saturation.ts';
import { type Found as Driven, type GatewayStart, UnderLoad } from '../gateway/under-load.ts';
import { compileGoPeer, MissingError } from '../lib/compile.ts';
import { isNoisy, type Noise, NoiseMeter } from '../lib/noise.ts';
import type { Family, Found, Metric, Skipped } from './results.ts';
import type { Plan, Report } from './workload.ts';

const metrics: readonly Metric[] = [
  { key: 'p99', title: 'p99', unit: 'us', better: 'lower' },
  { key: 'p50', title: 'p50', unit: 'us', better: 'lower' },
  { key: 'max', title: 'max', unit: 'us', better: 'lower' },
  { key: 'cpuMicroseconds', title: 'CPU', unit: 'us/order', better: 'lower' },
  { key: 'saturation', title: 'saturation', unit: 'orders/s', better: 'higher' },
  { key: 'resident', title: 'RSS', unit: 'MiB', better: 'lower' },
  { key: 'threads', title: 'threads', unit: '', better: 'lower' },
];

interface Gateway {
  readonly name: string;
  readonly title: string;
  readonly family: Family;
  readonly start: GatewayStart;
}

function gateways({ contenders, drivers }: Plan, skipped: Skipped[]): readonly Gateway[] {
  const ours = drivers.filter((driver) => driver !== 'portable' && contenders.includes(`gopark:${driver}`));
  const all: Gateway[] = (ours.length > 0 ? ours : drivers).map((driver) => ({
    name: `gopark:${driver}`,
    title: `gopark, ${driver}`,
    family: 'gopark',
    start: { env: { GOPARK_DRIVER: driver } },
  }));
  if (!contenders.includes('go')) return all;
  try {
    const start = { command: [compileGoPeer('gateway')] };
    all.push({ name: 'go', title: 'Go, goroutines and bufio', family: 'go', start });
  } catch (error) {
    if (!(error instanceof MissingError)) throw error;
    skipped.push({ what: 'go', why: error.message });
  }
  return all;
}

interface Round extends Driven, Noise {}

async function measured(tested: UnderLoad, seconds: number, rate: number): Promise<Round> {
  const meter = new NoiseMeter(tested.pids);
  const found = await tested.run({ seconds, rate, feeds: 20 });
  if (found.errors > 0) throw new Error(`${found.errors} errors: ${found.firstError}`);
  return { ...found, ...meter.stop() };
}

function describe({ name, title, family }: Gateway, saturation: number, rounds: readonly Round[]): Found {
  const of = (key: 'p50' | 'p99' | 'max' | 'cpuMicroseconds' | 'threads' | 'others' | 'steal' | 'lost') =>
    rounds.map((round) => round[key]);
  return {
    name,
    title,
    family,
    rounds: {
      p99: of('p99'),
      p50: of('p50'),
      max: of('max'),
      cpuMicroseconds: of('cpuMicroseconds'),
      saturation: [saturation],
      resident: rounds.map(({ resident }) => resident / 2 ** 20),
      threads: of('threads'),
      lost: of('lost'),
      others: of('others'),
      steal: of('steal'),
    },
  };
}

export async function runGateway(plan: Plan): Promise<Report> {
  const connections = plan.quick ? 2000 : 15_000;
  const seconds = plan.quick ? 2 : 5;
  const shortage = descriptorShortage(connections);
  if (shortage !== null) throw new MissingError(shortage);
  const skipped: Skipped[] = [];
  const all = gateways(plan, skipped);
  const saturations: number[] = [];
  for (const { name, start } of all) {
    const found = await findSaturation(connections, plan.quick ? 1 : 2, () => {}, start);
    plan.note(`${name}: ${Math.round(found)} orders/s`);
    saturations.push(found);
  }
  const rate = Math.round(Math.min(...saturations) / 2);
  const tested: UnderLoad[] = [];
  const rounds = all.map(() => [] as Round[]);
  try {
    for (const { start } of all) tested.push(await UnderLoad.start(connections, start));
    for (const one of tested) await one.run({ seconds: 2, rate, feeds: 20 });
    const most = Math.min(plan.rounds, 6);
    for (let round = 0, repeats = most; round < most; round++) {
      for (const [i, one] of tested.entries()) {
        let found = await measured(one, seconds, rate);
        for (; isNoisy(found) && repeats > 0; repeats--) found = await measured(one, seconds, rate);
        rounds[i]!.push(found);
      }
    }
  } finally {
    for (const one of tested) await one.stop();
  }
  return {
    title: `the gateway: ${connections.toLocaleString('en')} connections`,
    how:
      `The same protocol, the same load: ${rate} orders/s in an open loop, 20 prices/s, each to every hundredth ` +
      'client. The rate is half of what the slower one can do. Latency from order to ACK.',
    metrics,
    found: all.map((one, i) => describe(one, saturations[i]!, rounds[i]!)),
    skipped,
  };
}
