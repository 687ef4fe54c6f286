import { titleOf, unfit } from '../echo/contenders.ts';
import { type Contender, compare } from '../echo/rounds.ts';
import type { Slice } from '../echo/slice.ts';
import { moreWorkloads, type Workload, workloads } from '../echo/workloads.ts';
import { familyOf } from './contenders.ts';
import type { Found, Metric, Skipped } from './results.ts';
import { curveOf } from './statistics.ts';
import type { Plan, Report } from './workload.ts';

const cpu: Metric = { key: 'cpuPerMessage', title: 'CPU', unit: 'us/message', better: 'lower' };
const rate: Metric = { key: 'messagesPerSecond', title: 'rate', unit: 'messages/s', better: 'higher' };
const p50: Metric = { key: 'p50', title: 'p50', unit: 'us', better: 'lower' };
const p99: Metric = { key: 'p99', title: 'p99', unit: 'us', better: 'lower' };
const p999: Metric = { key: 'p999', title: 'p99.9', unit: 'us', better: 'lower' };
const p99OfTenths: Metric = { key: 'p99OfTenths', title: 'p99 of tenths', unit: 'us', better: 'lower' };
const max: Metric = { key: 'max', title: 'max', unit: 'us', better: 'lower' };
const unanswered: Metric = {
  key: 'unanswered',
  title: 'unanswered',
  unit: 'messages',
  better: 'lower',
};
const closed = [cpu, rate, p50, p99];
const noise: readonly Metric[] = [
  { key: 'others', title: 'others', unit: 'of the cores', better: 'lower' },
  { key: 'steal', title: 'steal', unit: 'of the cores', better: 'lower' },
];

interface Plot {
  readonly workload: Workload;
  readonly how: string;
  readonly metrics: readonly Metric[];
  /** Whether its latencies are worth a picture: in a closed loop they mostly tell the rate once more. */
  readonly curve?: boolean;
  /** A slice lasts so many times as long as others. */
  readonly longer?: number;
}

const pingPong = 'Closed loop: each connection sends its next message when it has the answer to the last.';

/** All that the echo servers go through. */
export const plots: Readonly<Record<string, Plot>> = {
  c1: { workload: workloads.c1, how: pingPong, metrics: closed },
  c100: { workload: workloads.c100, how: pingPong, metrics: closed },
  c1000: { workload: workloads.c1000, how: pingPong, metrics: closed },
  c10000: { workload: moreWorkloads.c10000, how: pingPong, metrics: closed, longer: 2 },
  pipelined: {
    workload: workloads.pipelined,
    how: '16 messages leave as one batch, the next batch when all are answered. Servers answer a read with one write.',
    metrics: closed,
  },
  bulk: {
    workload: workloads.bulk,
    how: 'Four messages of 64 KiB under way on each connection. Servers read into 64 KiB.',
    metrics: closed,
  },
  lines: {
    workload: moreWorkloads.lines,
    how: '16 lines leave as one batch. Servers find each line, in the way that is usual with them, and send it back.',
    metrics: closed,
  },
  connections: {
    workload: moreWorkloads.connections,
    how: 'Open, send, receive the echo, reset; from 200 loopback addresses. Latency: from connect to the last byte.',
    metrics: [{ ...cpu, unit: 'us/connection' }, { ...rate, unit: 'connections/s' }, p50, p99, p999],
    curve: true,
  },
  open: {
    workload: moreWorkloads.open,
    how:
      'Open loop: messages leave on schedule whatever becomes of them, latency counts from when each was due. ' +
      '"p99 of tenths": the p99 of each tenth of a second, and the median of these; a pause of the machine, of which ' +
      'there is about one a second, spoils one or two of them, and all of the p99 of the whole.',
    metrics: [p99OfTenths, p99, p50, p999, max, cpu, unanswered],
    curve: true,
    longer: 3,
  },
  herd: {
    workload: moreWorkloads.herd,
    how: 'All connections send at once; latency counts from that instant. The next herd comes 10 ms after the last answer.',
    metrics: [p99, p50, max, cpu],
    curve: true,
    longer: 3,
  },
};

function figures(slices: readonly Slice[], metrics: readonly Metric[]): Found['rounds'] {
  const keys = [...metrics, ...noise].map(({ key }) => key as keyof Slice);
  return Object.fromEntries(keys.map((key) => [key, slices.map((one) => one[key] as number)]));
}

/** Runs one of `plots`. */
export async function runEcho(name: string, plan: Plan): Promise<Report> {
  const { workload, how, metrics, curve, longer } = plots[name]!;
  const skipped: Skipped[] = [];
  const fit = plan.contenders.filter((contender) => {
    const why = unfit(contender, workload.mode);
    if (why !== null) skipped.push({ what: contender, why });
    return why === null;
  });
  const options = { rounds: plan.rounds, seconds: plan.seconds * (longer ?? 1), repeats: plan.rounds };
  const contenders = await compare(workload, fit, options, (contender, error) => {
    skipped.push({ what: contender, why: `failed: ${error instanceof Error ? error.message : error}` });
  });
  const found = contenders.map(({ name, slices }: Contender) => ({
    name,
    title: titleOf(name),
    family: familyOf(name),
    rounds: figures(slices, metrics),
    ...(curve === true ? { curve: curveOf(slices.map((one) => one.histogram)) } : {}),
  }));
  return { title: workload.title, how, metrics, found, skipped };
}
