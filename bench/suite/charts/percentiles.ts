import type { Found, Outcome } from '../results.ts';
import { decades, logarithmic, type Scale } from './scale.ts';
import { document, line, polyline, text } from './svg.ts';
import { colors, dashOf } from './theme.ts';

const width = 920;
const height = 460;
const area = { left: 64, right: 640, top: 60, bottom: 410 };
const most = 10;

/** A line too many, and none can be followed: every kind of peer, and gopark with one P. */
const preferred = [
  'c',
  'go',
  'netpoll',
  'gnet',
  'node',
  'bun',
  'deno',
  'gopark:epoll',
  'gopark-eventloop:epoll',
  'gopark:uring',
];

function chosen(found: readonly Found[]): readonly Found[] {
  const withCurve = found.filter(({ curve }) => curve !== undefined && curve.length > 1);
  if (withCurve.length <= most) return withCurve;
  return withCurve.filter(({ name }) => preferred.includes(name));
}

function duration(us: number): string {
  if (us < 1000) return `${us} us`;
  return us < 1e6 ? `${us / 1000} ms` : `${us / 1e6} s`;
}

function axes(x: Scale, y: Scale, from: number, to: number, deepest: number): string[] {
  const out: string[] = [];
  for (const us of decades(from, to)) {
    out.push(line(area.left, y(us), area.right, y(us), { class: 'grid' }));
    out.push(text(area.left - 8, y(us) + 4, duration(us), { class: 'quiet', anchor: 'end' }));
  }
  for (const [share, label] of [
    [0, '0'],
    [0.5, '50 %'],
    [0.9, '90 %'],
    [0.99, '99 %'],
    [0.999, '99.9 %'],
    [0.9999, '99.99 %'],
    [0.99999, '99.999 %'],
  ] as const) {
    if (1 / (1 - share) > deepest * 1.001) continue;
    const at = x(1 / (1 - share));
    out.push(line(at, area.top, at, area.bottom, { class: 'grid' }));
    out.push(text(at, area.bottom + 18, label, { class: 'quiet', anchor: 'middle' }));
  }
  out.push(
    text((area.left + area.right) / 2, area.bottom + 38, 'share of messages', {
      class: 'quiet',
      anchor: 'middle',
    }),
  );
  return out;
}

/** Names at the ends of their lines, moved apart where they would cover each other. */
function legend(
  ends: readonly { readonly one: Found; readonly y: number }[],
  all: readonly Found[],
): string[] {
  const gap = 17;
  const sorted = ends.toSorted((a, b) => a.y - b.y);
  const places: number[] = [];
  for (const { y } of sorted) places.push(Math.max(y, (places.at(-1) ?? Number.NEGATIVE_INFINITY) + gap));
  const over = Math.max(0, (places.at(-1) ?? 0) - area.bottom);
  for (let i = places.length - 1, limit = area.bottom; over > 0 && i >= 0; i--, limit -= gap) {
    places[i] = Math.min(places[i]!, limit);
  }
  return sorted.flatMap(({ one }, i) => {
    const stroke = { stroke: colors[one.family], 'stroke-width': 2.5, 'stroke-dasharray': dashOf(all, one) };
    const name = text(area.right + 46, places[i]! + 4, one.title, {
      class: one.family === 'gopark' ? 'strong' : undefined,
    });
    return [line(area.right + 14, places[i]!, area.right + 40, places[i]!, stroke), name];
  });
}

/** Latency against the share of messages that had less, both axes logarithmic: the tail is as wide as the middle. */
export function percentileChart(outcome: Outcome): string {
  const found = chosen(outcome.found);
  const points = found.flatMap(({ curve }) => curve!);
  const latencies = points.map(([, us]) => Math.max(1, us));
  const [from, to] = [Math.min(...latencies) * 0.8, Math.max(...latencies) * 1.25];
  const deepest = Math.max(...points.map(([share]) => 1 / (1 - share)));
  const x = logarithmic(1, deepest, area.left, area.right);
  const y = logarithmic(from, to, area.bottom, area.top);
  const place = ([share, us]: readonly [number, number]) => [x(1 / (1 - share)), y(Math.max(1, us))] as const;
  const lines = found.map((one) =>
    polyline(one.curve!.map(place), {
      stroke: colors[one.family],
      'stroke-width': one.family === 'gopark' ? 2.5 : 1.8,
      'stroke-dasharray': dashOf(found, one),
      'stroke-linejoin': 'round',
    }),
  );
  const ends = found.map((one) => ({ one, y: place(one.curve!.at(-1)!)[1] }));
  return document(width, height, `${outcome.title}: latencies`, [
    text(16, 26, outcome.title, { class: 'title' }),
    text(16, 44, 'latency, all rounds together; lower is better', { class: 'quiet' }),
    ...axes(x, y, from, to, deepest),
    ...lines,
    ...legend(ends, found),
  ]);
}
