import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Meter, type Metric, type Observation, observe } from 'gopark/debug';

type Callback = (result: Observation) => void;

/** A meter as OpenTelemetry's is: it calls back when it collects, and takes only what is told of the instruments named. */
class TestMeter implements Meter {
  readonly made: { name: string; kind: string; description: string; unit: string }[] = [];
  #callbacks: { callback: Callback; instruments: object[] }[] = [];

  #make(kind: string, name: string, options: { description: string; unit: string }): object {
    const instrument = { name, kind, ...options };
    this.made.push(instrument);
    return instrument;
  }

  createObservableGauge(name: string, options: { description: string; unit: string }): object {
    return this.#make('gauge', name, options);
  }

  createObservableCounter(name: string, options: { description: string; unit: string }): object {
    return this.#make('counter', name, options);
  }

  addBatchObservableCallback(callback: Callback, instruments: object[]): void {
    this.#callbacks.push({ callback, instruments });
  }

  removeBatchObservableCallback(callback: Callback, instruments: object[]): void {
    this.#callbacks = this.#callbacks.filter((one) => {
      const same = one.instruments.length === instruments.length;
      return one.callback !== callback || !same || one.instruments.some((own) => !instruments.includes(own));
    });
  }

  collect(): unknown[] {
    const told: unknown[] = [];
    for (const { callback, instruments } of this.#callbacks) {
      callback({
        observe(instrument, value, attributes) {
          assert.ok(instruments.includes(instrument));
          told.push([(instrument as { name: string }).name, value, attributes]);
        },
      });
    }
    return told;
  }
}

test('an instrument for each metric, told at each collection, until it is taken back', () => {
  const meter = new TestMeter();
  let asked = 0;
  const source = (): Metric[] => {
    asked++;
    return [
      { name: 'orders', kind: 'counter', help: 'Orders.', samples: [{ value: asked }] },
      {
        name: 'size',
        kind: 'gauge',
        help: 'Memory.',
        unit: 'bytes',
        samples: [{ value: 5, labels: { of: 'a' } }],
      },
      { name: 'wait', kind: 'gauge', help: 'Time.', unit: 'seconds', samples: [] },
      // What comes up later has no instrument.
      ...(asked > 1
        ? [{ name: 'late', kind: 'gauge' as const, help: 'Late.', samples: [{ value: 1 }] }]
        : []),
    ];
  };
  const stop = observe(meter, source);
  assert.deepEqual(meter.made, [
    { name: 'orders', kind: 'counter', description: 'Orders.', unit: '' },
    { name: 'size', kind: 'gauge', description: 'Memory.', unit: 'By' },
    { name: 'wait', kind: 'gauge', description: 'Time.', unit: 's' },
  ]);
  assert.deepEqual(meter.collect(), [
    ['orders', 2, {}],
    ['size', 5, { of: 'a' }],
  ]);
  assert.deepEqual(meter.collect()[0], ['orders', 3, {}]);
  stop();
  assert.deepEqual(meter.collect(), []);
});

test("gopark's own, unless told otherwise, under names that OpenTelemetry takes", () => {
  const meter = new TestMeter();
  observe(meter);
  assert.ok(meter.made.length > 20);
  for (const { name } of meter.made) assert.match(name, /^gopark(?:\.[a-z_]+)+$/);
  assert.equal(new Set(meter.made.map(({ name }) => name)).size, meter.made.length);
  assert.ok(meter.collect().some((told) => (told as unknown[])[0] === 'gopark.goroutines'));
});
