import type { Metric, Sample } from '../../debug/index.ts';
import type { Report, UpstreamReport } from './report.ts';

/** What ended connections, or kept them from coming about. */
const ENDINGS = [
  'unreachable',
  'unrouted',
  'badStart',
  'resetByClient',
  'resetByUpstream',
  'idle',
  'cutOff',
] as const;

/** Who was named twice gets a number behind: labels must not be the same. */
function distinct(names: readonly string[]): string[] {
  return names.map((name, i) => {
    const before = names.slice(0, i).filter((other) => other === name).length;
    return before === 0 ? name : `${name} (${before + 1})`;
  });
}

/** What goes on, for a monitor. */
export function metricsOf({ counters, droppedLogLines, draining, listeners, pools }: Report): Metric[] {
  const one = (kind: Metric['kind'], name: string, help: string, value: number | Sample[]): Metric => {
    const samples = typeof value === 'number' ? [{ value }] : value;
    return { name: `gopark.proxy.${name}`, kind, help, samples };
  };
  const ofUpstreams = (of: (upstream: UpstreamReport) => number): Sample[] =>
    pools.flatMap(({ name, upstreams }) => {
      const names = distinct(upstreams.map(({ addr }) => addr));
      return upstreams.map((upstream, i) => ({
        value: of(upstream),
        labels: { pool: name, upstream: names[i]! },
      }));
    });
  const addresses = distinct(listeners.map(({ addr }) => addr));
  const bytes = [
    { value: counters.bytesUp, labels: { direction: 'up' } },
    { value: counters.bytesDown, labels: { direction: 'down' } },
  ];
  return [
    one(
      'gauge',
      'connections',
      'Connections that are open, by listener.',
      listeners.map(({ connections }, i) => ({ value: connections, labels: { listener: addresses[i]! } })),
    ),
    one('counter', 'accepted', 'Connections that were accepted.', counters.accepted),
    { ...one('counter', 'transferred', 'What went through, to upstreams and back.', bytes), unit: 'bytes' },
    one(
      'counter',
      'failures',
      'What ended connections that should not have, or kept them from coming about.',
      ENDINGS.map((why) => ({ value: counters[why], labels: { why } })),
    ),
    one('gauge', 'draining', 'Whether it is about to end: 1 or 0.', draining ? 1 : 0),
    one('counter', 'log.dropped', 'Lines of the log that a slow disk had no room for.', droppedLogLines),
    one(
      'gauge',
      'upstream.up',
      'Whether an upstream is up: 1 or 0.',
      ofUpstreams(({ state }) => (state === 'up' ? 1 : 0)),
    ),
    one(
      'gauge',
      'upstream.connections',
      'Connections to an upstream.',
      ofUpstreams(({ active }) => active),
    ),
    one(
      'counter',
      'upstream.dialled',
      'Connections that an upstream ever had.',
      ofUpstreams(({ total }) => total),
    ),
    one(
      'counter',
      'upstream.failures',
      'Dials that failed.',
      ofUpstreams(({ failures }) => failures),
    ),
  ];
}
