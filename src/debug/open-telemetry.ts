import { type Metric, metrics } from './metrics.ts';

/**
 * Tells numbers of a meter's instruments, while it collects.
 *
 * @example
 * ```ts
 * import type { Observation } from 'gopark/debug';
 *
 * const toConsole: Observation = { observe: (_instrument, value, attributes) => console.log(value, attributes) };
 * toConsole.observe({}, 17);
 * ```
 */
export interface Observation {
  observe(instrument: object, value: number, attributes?: Record<string, string>): void;
}

/**
 * What `observe` asks of a meter: OpenTelemetry's, of `@opentelemetry/api`, is one.
 *
 * @example
 * ```ts
 * import { type Meter, observe } from 'gopark/debug';
 *
 * export function start(provider: { getMeter(name: string): Meter }): () => void {
 *   return observe(provider.getMeter('gopark'));
 * }
 * ```
 */
export interface Meter {
  createObservableGauge(name: string, options: { description: string; unit: string }): object;
  createObservableCounter(name: string, options: { description: string; unit: string }): object;
  addBatchObservableCallback(callback: (result: Observation) => void, instruments: object[]): void;
  removeBatchObservableCallback(callback: (result: Observation) => void, instruments: object[]): void;
}

/** As UCUM has them. Not '1' for what is counted: that means a ratio, and exporters write so behind the name. */
const UNITS = { seconds: 's', bytes: 'By', none: '' } as const;

/**
 * Tells an OpenTelemetry meter gopark's numbers whenever it collects: an observable counter or gauge for each metric,
 * under its own name (`gopark.goroutines`), with the unit `s`, `By` or none. They are taken once for each collection.
 *
 * @param source what to tell instead of `metrics()`. What it gives at first is what there will be: metrics with other
 *   names that it gives later are left out
 * @returns what takes it back
 *
 * @example
 * ```ts
 * import { type Meter, metrics, observe, processMetrics } from 'gopark/debug';
 *
 * export function start(meter: Meter): () => void {
 *   return observe(meter, () => [...metrics(), ...processMetrics()]);
 * }
 * ```
 */
export function observe(meter: Meter, source: () => Iterable<Metric> = metrics): () => void {
  const instruments = new Map<string, object>();
  for (const { name, kind, help, unit } of source()) {
    const options = { description: help, unit: UNITS[unit ?? 'none'] };
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options);
    instruments.set(name, instrument);
  }
  const tell = (result: Observation): void => {
    for (const { name, samples } of source()) {
      const instrument = instruments.get(name);
      if (instrument === undefined) continue;
      for (const { value, labels } of samples) result.observe(instrument, value, { ...labels });
    }
  };
  meter.addBatchObservableCallback(tell, [...instruments.values()]);
  return () => meter.removeBatchObservableCallback(tell, [...instruments.values()]);
}
