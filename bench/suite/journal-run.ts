import { findSaturation } from '../gateway/saturation.ts';
import { compare, KINDS } from '../journal/compare.ts';
import type { Metric } from './results.ts';
import type { Plan, Report } from './workload.ts';

const metrics: readonly Metric[] = [
  { key: 'p99', title: 'p99', unit: 'us', better: 'lower' },
  { key: 'p50', title: 'p50', unit: 'us', better: 'lower' },
  { key: 'stall', title: 'longest stall', unit: 'ms', better: 'lower' },
  { key: 'cpu', title: 'CPU', unit: 'us/order', better: 'lower' },
];

const titles: Record<string, string> = {
  none: 'no journal',
  never: 'journal, kernel has it',
  batch: 'journal, disk has it',
  blocking: 'journal, synchronous writes',
};

/** The part of what the gateway can do without a journal. */
const part = 0.3;

export async function runJournal(plan: Plan): Promise<Report> {
  const connections = plan.quick ? 500 : 2000;
  const seconds = plan.quick ? 1 : 3;
  const saturation = await findSaturation(connections, Math.min(2, seconds), () => {});
  const rate = Math.round(saturation * part);
  const names = Object.keys(KINDS);
  // Who cannot keep up works its queue off while the others have their turn: it is measured when they are through.
  const together = names.filter((name) => name !== 'blocking');
  const rounds = Math.min(plan.rounds, 5);
  const contenders = [
    ...(await compare(together, connections, rate, seconds, rounds, 0)),
    ...(await compare(['blocking'], connections, rate, seconds, 1, 0)),
  ];
  return {
    title: "the gateway's journal",
    how:
      `${connections} connections, ${rate} orders/s: ${part * 100} % of what the gateway can do without a journal. ` +
      'Latency from order to ACK. The blocking variant cannot keep up at rates like this; it has one round.',
    metrics,
    found: contenders.map(({ name, p50, p99, stall, cpu, noise }) => ({
      name,
      title: titles[name] ?? name,
      family: name === 'blocking' ? 'node' : 'gopark',
      rounds: { p50, p99, stall, cpu, others: noise.map((one) => one.others) },
    })),
    skipped: [],
  };
}
