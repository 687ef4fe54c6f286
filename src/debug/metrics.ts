import { type Snapshot, snapshot } from './snapshot.ts';

/**
 * One number of a metric.
 *
 * @example
 * ```ts
 * import type { Sample } from 'gopark/debug';
 *
 * const sample: Sample = { value: 17, labels: { venue: 'XETR' } };
 * console.log(sample);
 * ```
 */
export interface Sample {
  readonly value: number;
  /** Names as Prometheus takes them, `[A-Za-z_][A-Za-z0-9_]*`; any text as values. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * A number, or several with labels, and what they mean: what `prometheusText` and `observe` take. gopark's own come
 * from `metrics`; put yours beside them.
 *
 * @example
 * ```ts
 * import { type Metric, metrics, prometheusText } from 'gopark/debug';
 *
 * const orders: Metric = {
 *   name: 'gateway.orders',
 *   kind: 'counter',
 *   help: 'Orders that were accepted.',
 *   samples: [{ value: 17 }],
 * };
 * console.log(prometheusText([...metrics(), orders])); // ... gateway_orders_total 17
 * ```
 */
export interface Metric {
  /** `[A-Za-z][A-Za-z0-9_.]*`, without unit and without `_total`: the adapters write these where they belong. */
  readonly name: string;
  /** 'counter' only ever grows until the process ends; 'gauge' is the present value. */
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  /** Base units only; left out for what is merely counted. */
  readonly unit?: 'seconds' | 'bytes';
  readonly samples: readonly Sample[];
}

type Labels = Readonly<Record<string, string>>;

/** One sample for each entry of `counts`. */
function each(counts: Readonly<Record<string, number | undefined>>, label: string, labels: Labels): Sample[] {
  return Object.entries(counts).map(([name, value = 0]) => ({ value, labels: { ...labels, [label]: name } }));
}

/**
 * gopark's own numbers of a thread, named and explained: `gopark.goroutines`, `gopark.waits`, `gopark.sockets`,
 * `gopark.loop.active`... docs/debugging.md lists them. Always the same metrics, whatever the thread has used so far.
 *
 * @param of     another thread's snapshot for instance, as it came by `postMessage`; the present one of this thread
 * @param labels stand on every sample: which thread it was
 *
 * @example
 * ```ts
 * import { metrics } from 'gopark/debug';
 *
 * for (const { name, samples } of metrics()) console.log(name, samples);
 * ```
 */
export function metrics(of: Snapshot = snapshot(), labels: Readonly<Record<string, string>> = {}): Metric[] {
  const { runtime, files, blocks } = of;
  const list: Metric[] = [];
  const add = (
    kind: Metric['kind'],
    name: string,
    help: string,
    value: number | Sample[],
    unit?: Metric['unit'],
  ) => {
    const samples = typeof value === 'number' ? [{ value, labels }] : value;
    list.push({ name: `gopark.${name}`, kind, help, ...(unit === undefined ? {} : { unit }), samples });
  };
  const info = { driver: of.driver ?? 'none', files: files?.engine ?? 'none' };
  add('gauge', 'info', 'Always 1: its labels say what runs.', [{ value: 1, labels: { ...labels, ...info } }]);
  add('gauge', 'goroutines', 'Goroutines that have started and not ended.', runtime.goroutines);
  add('counter', 'goroutines.started', 'Goroutines that were ever started.', runtime.goroutinesStarted);
  add('counter', 'errors', 'I/O errors that ended a goroutine and that nobody took.', runtime.errors);
  add('counter', 'panics', 'Other errors that ended a goroutine, and not the process.', runtime.panics);
  add(
    'gauge',
    'waits',
    'Calls that are parked, by what they wait for.',
    each(runtime.waits, 'reason', labels),
  );
  add('gauge', 'timers', 'Sleeps, deadlines and tickers that are armed.', runtime.timers);
  add('gauge', 'sockets', 'Descriptors that are open, by their class.', each(of.sockets, 'kind', labels));
  add('counter', 'completions', 'Operations that the driver has completed.', of.completions);
  add('counter', 'rounds', 'Batches that they came in.', of.rounds);
  add(
    'counter',
    'loop.turns',
    'How often the event loop has been round with something to do.',
    runtime.turns,
  );
  add('counter', 'loop.active', 'Time in which the event loop worked.', of.loopActive / 1000, 'seconds');
  add('counter', 'loop.idle', 'Time in which the event loop slept.', of.loopIdle / 1000, 'seconds');
  add('counter', 'loop.holds', 'How often it was held for longer than runtime.holdLimit.', runtime.longHolds);
  add('gauge', 'loop.longest_hold', 'The longest of these.', runtime.longestHold / 1000, 'seconds');
  add('gauge', 'files.concurrency', 'The most file operations at a time.', files?.concurrency ?? 0);
  add('gauge', 'files.in_flight', 'File operations under way.', files?.inFlight ?? 0);
  add('gauge', 'files.queued', 'File operations that wait for one of these to end.', files?.queued ?? 0);
  add(
    'gauge',
    'files.oldest_wait',
    'How long the oldest of them has waited.',
    (files?.oldestWait ?? 0) / 1000,
    'seconds',
  );
  add('counter', 'files.operations', 'File operations that are over.', files?.completed ?? 0);
  add(
    'counter',
    'files.cached_reads',
    "Reads from the kernel's memory that took no thread.",
    files?.cached ?? 0,
  );
  add('counter', 'files.cancelled', 'File operations given up before they began.', files?.cancelled ?? 0);
  add(
    'counter',
    'files.wait',
    'Time that file operations have waited to begin.',
    (files?.totalWait ?? 0) / 1000,
    'seconds',
  );
  add(
    'gauge',
    'files.longest_wait',
    'The longest of these waits.',
    (files?.longestWait ?? 0) / 1000,
    'seconds',
  );
  const inBlocks = { used: blocks.bytesInUse, idle: blocks.bytesIdle };
  add('gauge', 'blocks', 'Memory of linked buffers, by state.', each(inBlocks, 'state', labels), 'bytes');
  return list;
}

/**
 * The process as the system and V8 see it, under the names that Prometheus' own clients use
 * (`process_cpu_seconds_total`, `process_resident_memory_bytes`...): leave them out where such a client runs, too. CPU
 * and resident memory are the whole process', the heap is this thread's.
 *
 * @example
 * ```ts
 * import { metrics, processMetrics, prometheusText } from 'gopark/debug';
 *
 * console.log(prometheusText([...metrics(), ...processMetrics()]));
 * ```
 */
export function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const bytes = (name: string, help: string, value: number): Metric => {
    return { name, kind: 'gauge', help, unit: 'bytes', samples: [{ value }] };
  };
  const started = Date.now() / 1000 - process.uptime();
  return [
    {
      name: 'process.cpu',
      kind: 'counter',
      help: 'CPU time of the process, user and system.',
      unit: 'seconds',
      samples: [{ value: (user + system) / 1e6 }],
    },
    {
      name: 'process.start_time',
      kind: 'gauge',
      help: 'When it started, since 1970.',
      unit: 'seconds',
      samples: [{ value: Math.round(started * 100) / 100 }],
    },
    bytes('process.resident_memory', 'Resident memory of the process.', rss),
    bytes('nodejs.heap_size_used', "What is used of this thread's V8 heap.", heapUsed),
    bytes('nodejs.heap_size_total', "This thread's V8 heap.", heapTotal),
    bytes('nodejs.external_memory', 'Memory outside that its objects hold.', external),
  ];
}
