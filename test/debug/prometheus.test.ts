import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Metric, metrics, processMetrics, prometheusText, serverMetrics, snapshot } from 'gopark/debug';
import { ArgumentRangeError } from 'gopark/io';
import { root } from '../docs/docstrings.ts';
import { parseExposition } from './lib/exposition.ts';

function gauge(name: string, ...samples: Metric['samples']): Metric {
  return { name, kind: 'gauge', help: 'Of a test.', samples };
}

describe('prometheusText', () => {
  test('is what the specification says, to the letter', () => {
    const text = prometheusText([
      { name: 'gateway.orders', kind: 'counter', help: 'Orders.', samples: [{ value: 17 }] },
      { name: 'wait', kind: 'counter', help: 'A\nB\\', unit: 'seconds', samples: [{ value: 0.25 }] },
      {
        name: 'queue',
        kind: 'gauge',
        help: 'Waiting.',
        unit: 'bytes',
        samples: [
          { value: 3, labels: { venue: 'XETR', side: 'buy' } },
          { value: Number.NaN, labels: { venue: 'a"b\\c\nd' } },
        ],
      },
      gauge('inf', { value: Number.POSITIVE_INFINITY }),
      gauge('none'),
    ]);
    assert.equal(
      text,
      `# HELP gateway_orders_total Orders.
# TYPE gateway_orders_total counter
gateway_orders_total 17
# HELP wait_seconds_total A\\nB\\\\
# TYPE wait_seconds_total counter
wait_seconds_total 0.25
# HELP queue_bytes Waiting.
# TYPE queue_bytes gauge
queue_bytes{venue="XETR",side="buy"} 3
queue_bytes{venue="a\\"b\\\\c\\nd"} NaN
# HELP inf Of a test.
# TYPE inf gauge
inf +Inf
# HELP none Of a test.
# TYPE none gauge
`,
    );
    assert.equal(parseExposition(text).size, 5);
    assert.equal(prometheusText([]), '');
  });

  test('a unit or _total that is there already is not written again', () => {
    const text = prometheusText([
      { name: 'cpu_seconds_total', kind: 'counter', unit: 'seconds', help: '', samples: [{ value: 1 }] },
      { name: 'size_bytes', kind: 'gauge', unit: 'bytes', help: '', samples: [{ value: 1 }] },
    ]);
    assert.deepEqual([...parseExposition(text).keys()], ['cpu_seconds_total', 'size_bytes']);
  });

  test('metrics of one name become one, whoever they are of', () => {
    const families = parseExposition(
      prometheusText([
        ...metrics(snapshot(), { p: '0' }),
        gauge('between', { value: 1 }),
        ...metrics(snapshot(), { p: '1' }),
      ]),
    );
    assert.deepEqual(
      families.get('gopark_goroutines')!.samples.map(({ labels }) => labels),
      [{ p: '0' }, { p: '1' }],
    );
  });

  test('what a scraper would drop is refused, with the name in the error', () => {
    const refused: [Metric[], RegExp][] = [
      [[gauge('')], /^name must be/],
      [[gauge('7up')], /"7up"/],
      [[gauge('a-b')], /"a-b"/],
      [[gauge('a\nb 1')], /name must be/],
      [[gauge('a{x="1"}')], /name must be/],
      [[gauge(undefined as never)], /name must be/],
      [[gauge('a', { value: 1, labels: { 'x y': '' } })], /a label of a must be .*"x y"/],
      [[gauge('a', { value: 1, labels: { __name__: 'b' } })], /__name__/],
      [[gauge('a', { value: '1' as never })], /the value of a must be a number/],
      [[gauge('a', { value: 1 }, { value: 2 })], /the labels of a/],
      [
        [gauge('a', { value: 1, labels: { x: '1', y: '2' } }, { value: 1, labels: { y: '2', x: '1' } })],
        /the labels of a/,
      ],
      [[{ ...gauge('a'), kind: 'histogram' as never }], /the kind of a must be .*"histogram"/],
      [[gauge('a_total'), { ...gauge('a'), kind: 'counter' }], /the kind of a_total must be gauge/],
    ];
    for (const [list, message] of refused) {
      assert.throws(
        () => prometheusText(list),
        (error: Error) => {
          assert.ok(error instanceof ArgumentRangeError);
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });

  test('any text as label or help comes back as it was', () => {
    const text = fc.string({ unit: 'binary' }).map((one) => one.replaceAll('\r', ''));
    const labels = fc.dictionary(fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_]{0,8}$/), text, {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(text, fc.array(fc.tuple(labels, fc.double())), (help, rows) => {
        const byKey = new Map(rows.map((row) => [JSON.stringify(Object.entries(row[0]).sort()), row]));
        const samples = [...byKey.values()].map(([of, value]) => ({ labels: of, value }));
        const families = parseExposition(prometheusText([{ name: 'a', kind: 'gauge', help, samples }]));
        const read = families.get('a')!;
        assert.equal(read.help, help);
        assert.deepEqual(
          read.samples.map(({ labels: of, value }) => [{ ...of }, value + 0]),
          samples.map(({ labels: of, value }) => [{ ...of }, value + 0]),
        );
      }),
    );
  });
});

test('all that gopark tells follows the conventions: base units, _total for counters and for nothing else, a help', () => {
  const stats = {
    procs: [
      {
        index: 0,
        threadId: 1,
        state: 'ready',
        restarts: 2,
        connections: 5,
        utilization: 0.5,
        goroutines: 7,
        runnable: 1,
      },
      {
        index: 1,
        threadId: 2,
        state: 'starting',
        restarts: 0,
        connections: 0,
        utilization: 0,
        goroutines: 0,
        runnable: 0,
      },
    ],
    moves: [{ from: 0, to: 1, what: 'connection', why: 'busy', count: 3 }],
  } as const;
  const families = parseExposition(
    prometheusText([...metrics(), ...processMetrics(), ...serverMetrics(stats)]),
  );
  for (const [name, { help, type }] of families) {
    assert.match(help, /^\S.*\.$/, name);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.doesNotMatch(name, /(?:milliseconds|_ms|kilobytes|mib)/, name);
  }
  const ofPs = (name: string) => families.get(name)!.samples.map(({ labels, value }) => [labels.p, value]);
  assert.deepEqual(ofPs('gopark_p_connections'), [
    ['0', 5],
    ['1', 0],
  ]);
  assert.deepEqual(ofPs('gopark_p_ready'), [
    ['0', 1],
    ['1', 0],
  ]);
  assert.deepEqual(ofPs('gopark_p_restarts_total'), [
    ['0', 2],
    ['1', 0],
  ]);
  assert.deepEqual(families.get('gopark_p_moves_total')!.samples, [
    { labels: { from: '0', to: '1', what: 'connection', why: 'busy' }, value: 3 },
  ]);
  assert.ok(families.get('process_cpu_seconds_total')!.samples[0]!.value > 0);
  const started = families.get('process_start_time_seconds')!.samples[0]!.value;
  assert.ok(Math.abs(started - (Date.now() / 1000 - process.uptime())) < 5);
});

test('docs/debugging.md names every one of them', () => {
  const page = readFileSync(join(root, 'docs/debugging.md'), 'utf8');
  const all = prometheusText([...metrics(), ...processMetrics(), ...serverMetrics({ procs: [], moves: [] })]);
  const missing = [...parseExposition(all).keys()]
    .map((name) => name.replace(/^gopark_/, ''))
    .filter((name) => ![`\`${name}\``, `\`${name}{`].some((text) => page.includes(text)));
  assert.deepEqual(missing, []);
});
