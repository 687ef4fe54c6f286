import { readFileSync } from 'node:fs';
import type { RecordableHistogram } from 'node:perf_hooks';
import { IOError } from '../../io/index.ts';
import { now } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/index.ts';
import { formatEndpoint } from '../proxy/address.ts';
import type { Counts } from './counts.ts';
import type { Load, Plan } from './load.ts';
import { LocalLoad } from './local-load.ts';
import type { BenchOptions } from './options.ts';
import { practise } from './practice.ts';
import { ManyLoads } from './processes.ts';
import { latencyOf, lateness, type Result, type Second, secondOf } from './result.ts';
import { cpuOf } from './server-cpu.ts';
import { Tally } from './tally.ts';

/** A load, and where its latencies go. */
export interface Harness {
  readonly load: Load;
  readonly tally: Tally;
}

export function harness(plan: Plan, processes: number): Harness {
  const tally = new Tally();
  const load = processes === 1 ? new LocalLoad(plan, tally) : new ManyLoads(plan, processes, tally);
  return { load, tally };
}

/** Makes the connections, and practises. Rejects when that is interrupted: then the load is to be closed. */
export async function opened({ load, tally }: Harness, plan: Plan, stop: AbortSignal): Promise<void> {
  const opening = load
    .open()
    .then(() => (load instanceof LocalLoad ? practise(plan, tally) : undefined))
    .then(() => true);
  const interrupted = new Promise<boolean>((resolve) => {
    const end = () => resolve(false);
    if (stop.aborted) end();
    else stop.addEventListener('abort', end, { once: true });
  });
  if (await Promise.race([opening, interrupted])) return;
  opening.catch(() => {});
  throw interruption();
}

export function interruption(): IOError {
  return new IOError('ERR_INTERRUPTED', 'interrupted before anything was measured');
}

/** What one window showed. */
export interface Window {
  readonly seconds: number;
  readonly counts: Counts;
  readonly latencies: RecordableHistogram;
  readonly perSecond: readonly Second[];
  /** Of the server, in microseconds. */
  readonly cpu: number | null;
}

/** What goes on, for whoever shows it. */
export interface Progress {
  readonly phase: 'warm-up' | 'measuring';
  /** Seconds since that phase began. */
  readonly elapsed: number;
  readonly counts: Counts;
  readonly second: RecordableHistogram;
  readonly rate: number;
}

export interface Watching {
  /** Ends what goes on. */
  readonly stop: AbortSignal;
  readonly onSecond?: (progress: Progress) => void;
}

/** Waits; no longer than until `stop` or until `other` resolves. */
export async function waitFor(ms: number, stop: AbortSignal, other?: Promise<void>): Promise<void> {
  if (stop.aborted) return;
  const enough = new AbortController();
  const end = () => enough.abort();
  stop.addEventListener('abort', end, { once: true });
  other?.then(end);
  try {
    await sleep(ms, { signal: enough.signal });
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  } finally {
    stop.removeEventListener('abort', end);
  }
}

/** Errors that will not go away by themselves. */
const MISREAD = new Set(['ERR_BAD_REPLY', 'ERR_UNASKED']);

/** Watches that a load is answered at all. */
class Pulse {
  readonly #patience: number;
  #answered = 0;
  #ever = false;
  #since = now();

  constructor(plan: Plan) {
    this.#patience = plan.timeout + 1000;
  }

  /** @throws IOError: nobody has answered for too long. */
  check(counts: Counts): void {
    if (counts.answered !== this.#answered) {
      this.#since = now();
      this.#ever = true;
    }
    this.#answered = counts.answered;
    const misread = Object.entries(counts.errors).find(([code]) => MISREAD.has(code))?.[1].first;
    if (!this.#ever && misread !== undefined) throw new IOError('ERR_NO_ANSWER', misread);
    if (now() - this.#since < this.#patience) return;
    const first = Object.values(counts.errors)[0]?.first;
    const why = first === undefined ? '' : `: ${first}`;
    throw new IOError('ERR_NO_ANSWER', `no answer for ${this.#patience / 1000} s${why}`);
  }
}

/** One run: warm-up and window. The load is open; it goes on after that, idle. */
export async function runWindow(
  { load, tally }: Harness,
  options: Pick<BenchOptions, 'plan' | 'duration' | 'warmUp' | 'messages' | 'pid'>,
  { stop, onSecond }: Watching,
): Promise<Window> {
  const { duration, warmUp, messages, pid } = options;
  const pulse = new Pulse(options.plan);
  const perSecond: Second[] = [];
  const phase = async (name: Progress['phase'], ms: number, other?: Promise<void>) => {
    const started = now();
    let ended = false;
    other?.then(() => {
      ended = true;
    });
    let [last, answered] = [started, 0];
    for (;;) {
      await waitFor(Math.min(last + 1000, started + ms) - now(), stop, other);
      const [at, counts, second] = [now(), load.counts(), tally.endSecond()];
      const rate = ((counts.answered - answered) * 1000) / (at - last);
      if (name === 'measuring' && at - last > 500) {
        perSecond.push(secondOf(rate, second));
      }
      onSecond?.({ phase: name, elapsed: (at - started) / 1000, counts, second, rate });
      if (stop.aborted || ended || at >= started + ms) return;
      pulse.check(counts);
      [last, answered] = [at, counts.answered];
    }
  };
  if (warmUp > 0) load.rehearse();
  if (warmUp > 0 || messages === null) load.start();
  if (warmUp > 0) await phase('warm-up', warmUp);
  if (warmUp > 0 && messages !== null) await load.halt();
  tally.begin();
  load.measure();
  const started = now();
  const cpu = pid === null ? 0 : cpuOf(pid);
  if (messages !== null) load.start(messages);
  if (!stop.aborted) {
    if (messages === null) await phase('measuring', duration);
    else await phase('measuring', Number.POSITIVE_INFINITY, load.spent);
  }
  const seconds = (now() - started) / 1000;
  const spent = pid === null ? null : cpuOf(pid) - cpu;
  const counts = await load.halt();
  return { seconds, counts, latencies: tally.whole, perSecond, cpu: spent };
}

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The window as it is kept. `addTo`: errors of the time before it. */
export function resultOf(window: Window, options: BenchOptions, plan: Plan, interrupted: boolean): Result {
  const { seconds, counts, latencies, perSecond, cpu } = window;
  return {
    format: 'gopark bench 1',
    gopark: version,
    node: process.versions.node,
    at: new Date().toISOString(),
    target: formatEndpoint(plan.endpoint),
    load: {
      connections: plan.connections,
      depth: plan.depth,
      size: plan.payload.length,
      reply: plan.reply.kind,
      rate: plan.rate,
      poisson: plan.poisson,
      processes: options.processes,
    },
    interrupted,
    seconds,
    answered: counts.answered,
    rate: counts.answered / seconds,
    refusals: counts.refusals,
    unanswered: counts.unanswered,
    bytesSent: counts.bytesSent,
    bytesReceived: counts.bytesReceived,
    latency: latencyOf(latencies),
    perSecond,
    errors: counts.errors,
    generator: { cores: counts.cpu / 1000 / seconds, lateness: lateness(counts) },
    serverCPU: cpu === null || counts.answered === 0 ? null : cpu / counts.answered,
  };
}
