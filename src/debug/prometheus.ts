import { ArgumentRangeError } from '../io/index.ts';
import type { Metric, Sample } from './metrics.ts';

const NAME = /^[A-Za-z][A-Za-z0-9_.]*$/;
const LABEL = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The Content-Type that a scraper expects with `prometheusText`.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { metrics, prometheusContentType, prometheusText } from 'gopark/debug';
 *
 * createServer((_request, response) => {
 *   response.setHeader('Content-Type', prometheusContentType);
 *   response.end(prometheusText(metrics()));
 * }).listen(9464, '127.0.0.1');
 * ```
 */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Dots are for OpenTelemetry; the unit comes last, and behind it what every counter ends with. */
function nameFor({ name, unit, kind }: Metric): string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new ArgumentRangeError('name', 'letters, digits, _ and ., a letter first', name);
  }
  let full = name.replaceAll('.', '_');
  if (kind === 'counter') full = full.replace(/_total$/, '');
  if (unit !== undefined && !full.endsWith(`_${unit}`)) full += `_${unit}`;
  return kind === 'counter' ? `${full}_total` : full;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function line(name: string, { labels = {}, value }: Sample): string {
  if (typeof value !== 'number') throw new ArgumentRangeError(`the value of ${name}`, 'a number', value);
  const pairs = Object.entries(labels).map(([label, text]) => {
    if (!LABEL.test(label) || label.startsWith('__')) {
      throw new ArgumentRangeError(`a label of ${name}`, 'letters, digits and _, and not __ first', label);
    }
    return `${label}="${escapeValue(String(text))}"`;
  });
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}`;
}

/**
 * Metrics in Prometheus' text format, version 0.0.4, which every scraper reads. Names end with their unit, counters
 * with `_total`; dots are written as `_`. Metrics of the same name, of several threads for instance, become one.
 *
 * @throws ArgumentRangeError for a name or a label that Prometheus does not take, for a metric that comes again as
 * another kind, and for the same labels twice: a scrape with one of those is dropped as a whole.
 *
 * @example
 * ```ts
 * import { metrics, prometheusText } from 'gopark/debug';
 *
 * console.log(prometheusText(metrics()));
 * ```
 */
export function prometheusText(metrics: Iterable<Metric>): string {
  const families = new Map<string, { kind: string; help: string; lines: Map<string, string> }>();
  for (const metric of metrics) {
    const name = nameFor(metric);
    const { kind, help, samples } = metric;
    if (kind !== 'counter' && kind !== 'gauge') {
      throw new ArgumentRangeError(`the kind of ${name}`, "'counter' or 'gauge'", kind);
    }
    const family = families.get(name) ?? { kind, help, lines: new Map<string, string>() };
    if (family.kind !== kind) throw new ArgumentRangeError(`the kind of ${name}`, family.kind, kind);
    families.set(name, family);
    for (const sample of samples) {
      const key = JSON.stringify(Object.entries(sample.labels ?? {}).sort());
      if (family.lines.has(key))
        throw new ArgumentRangeError(`the labels of ${name}`, 'of one sample only', key);
      family.lines.set(key, line(name, sample));
    }
  }
  let text = '';
  for (const [name, { kind, help, lines }] of families) {
    text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${kind}\n`;
    for (const one of lines.values()) text += `${one}\n`;
  }
  return text;
}
