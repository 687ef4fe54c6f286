import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { IOError } from '../../io/index.ts';
import { runtime } from '../../runtime/index.ts';
import { UsageError } from '../gateway/usage.ts';
import { collectRarely } from '../lib/heap.ts';
import { duel } from './against.ts';
import { compareFiles } from './compare-files.ts';
import { type BenchOptions, benchArguments, benchOptions, benchUsage, described } from './options.ts';
import { doubts, errorLines, printed } from './print.ts';
import type { Result } from './result.ts';
import { harness, opened, resultOf, runWindow } from './run.ts';
import { Screen } from './screen.ts';

const INTERRUPTED = 130;

/** `gopark bench ...`: the exit code. */
export async function benchCommand(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help === true) {
    console.log(benchUsage);
    return 0;
  }
  if (positionals[0] === 'compare') {
    const [, a, b, ...more] = positionals;
    if (a === undefined || b === undefined || more.length > 0) {
      throw new UsageError('bench compare: two files that --json has written');
    }
    console.log(compareFiles(a, b));
    return 0;
  }
  const options = benchOptions(values, positionals);
  // What holds this process shows as lateness and as CPU time of the load.
  runtime.holdLimit = 0;
  collectRarely();
  const stop = new AbortController();
  // The second one ends the process: it has no listener any more.
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  console.log(described(options));
  const screen = new Screen(options.quiet);
  let results: Result[];
  try {
    const measure = options.against === null ? single : both;
    results = await measure(options, stop.signal, screen);
  } catch (error) {
    if (!stop.signal.aborted || !(error instanceof IOError)) throw error;
    console.error(`gopark bench: ${error.message}`);
    return INTERRUPTED;
  }
  if (options.json !== null) keep(options.json, results);
  if (stop.signal.aborted) return INTERRUPTED;
  return results.every(isGood) ? 0 : 1;
}

async function single(options: BenchOptions, stop: AbortSignal, screen: Screen): Promise<Result[]> {
  const { plan } = options;
  const own = harness(plan, options.processes);
  try {
    await opened(own, plan, stop);
    const { errors, connected } = own.load.counts();
    for (const line of errorLines(errors)) console.error(`gopark bench: ${line}`);
    if (connected < plan.connections)
      console.error(`gopark bench: ${connected} of ${plan.connections} connections are open`);
    const window = await runWindow(own, options, { stop, onSecond: (progress) => screen.progress(progress) });
    screen.end();
    const result = resultOf(window, options, plan, stop.aborted);
    console.log(printed(result));
    return [result];
  } finally {
    screen.end();
    await own.load.close();
  }
}

async function both(options: BenchOptions, stop: AbortSignal, screen: Screen): Promise<Result[]> {
  const { a, b, text } = await duel(options, stop, (name, progress) => screen.progress(progress, name));
  screen.end();
  console.log(text);
  for (const [name, result] of Object.entries({ A: a, B: b })) {
    for (const line of doubts(result)) console.log(`${name}: ${line}`);
  }
  return [a, b];
}

function isGood({ answered, unanswered, refusals, errors }: Result): boolean {
  return answered > 0 && unanswered === 0 && refusals === 0 && Object.keys(errors).length === 0;
}

function keep(path: string, results: Result[]): void {
  try {
    const [a, b] = results;
    writeFileSync(path, `${JSON.stringify(b === undefined ? a : { a, b }, null, 2)}\n`);
  } catch (error) {
    throw new IOError('ERR_JSON', `--json: ${(error as Error).message}`);
  }
}

function parse(args: string[]): { values: Record<string, unknown>; positionals: string[] } {
  try {
    const flags = { help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args, options: { ...benchArguments, ...flags }, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
