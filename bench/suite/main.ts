// `npm run bench`: gopark beside every peer that can be had here.
import { contendersIn } from '../echo/contenders.ts';
import { compile, MissingError } from '../lib/compile.ts';
import { namesIn, numberIn, optionsIn, runMain } from '../lib/options.ts';
import { available, everybody, someOf, workingDrivers } from './contenders.ts';
import { plots, runEcho } from './echo-run.ts';
import { runGateway } from './gateway-run.ts';
import { runJournal } from './journal-run.ts';
import { describeMachine } from './machine.ts';
import { runMemory } from './memory-run.ts';
import { render } from './render.ts';
import { type Outcome, type Results, readResults, type Skipped, writeResults } from './results.ts';
import { printOutcome } from './tables.ts';
import type { Plan, Report } from './workload.ts';

const runners: Readonly<Record<string, (plan: Plan) => Promise<Report>>> = {
  ...Object.fromEntries(Object.keys(plots).map((name) => [name, (plan: Plan) => runEcho(name, plan)])),
  memory: runMemory,
  journal: runJournal,
  gateway: runGateway,
};

const usage = `npm run bench: gopark beside every peer that can be had here (24 minutes with 6 rounds)

  npm run bench -- --quick                              all of it, briefly; into build/bench-results
  npm run bench -- --only c100,open --contenders c,go,gopark:epoll
  npm run bench -- --render docs/benchmarks             tables and pictures of a results.json again

  --only LIST        workloads: ${Object.keys(runners).join(', ')}
  --contenders LIST  servers; gopark and gopark-eventloop take a driver, and a number of Ps: gopark:epoll:2p
  --rounds N         default 11, with --quick 4; each round has everybody once, in another order
  --seconds S        of a round, default 0.2, with --quick 0.1
  --out FOLDER       default docs/benchmarks for the whole, build/bench-results for a part of it
  --merge            keep what FOLDER has of other workloads`;

const values = optionsIn(
  {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    contenders: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    out: { type: 'string' },
    merge: { type: 'boolean', default: false },
    render: { type: 'string' },
  },
  usage,
);

/** A part of the whole must not take the place of the whole. */
const whole = !values.quick && values.only === undefined && values.contenders === undefined;
const folder = values.out ?? (whole ? 'docs/benchmarks' : 'build/bench-results');

async function run(name: string, plan: Plan): Promise<Outcome | string> {
  const began = performance.now();
  try {
    const report = await runners[name]!(plan);
    const seconds = (performance.now() - began) / 1000;
    return { name, ...report, at: new Date().toISOString(), seconds };
  } catch (error) {
    if (error instanceof MissingError) return error.message;
    // The others are worth having all the same.
    console.error(error);
    process.exitCode = 1;
    return `failed: ${error instanceof Error ? error.message : error}`;
  }
}

/** Without a C compiler modules in Node stand in for the loads. */
function lookForLoad(skipped: Skipped[]): void {
  try {
    compile('echo/load/load-generator.c');
  } catch (error) {
    if (!(error instanceof MissingError)) throw error;
    const why = `${error.message} A load generator in Node stands in: it does not saturate fast servers, so look at CPU per message.`;
    skipped.push({ what: 'the load generator in C', why });
  }
}

async function runAll(): Promise<void> {
  const skipped: Skipped[] = [];
  const note = (text: string) => console.log(`  ${text}`);
  lookForLoad(skipped);
  const names = namesIn(values.only, Object.keys(runners), 'workload');
  const drivers = workingDrivers(skipped);
  // For every program that is started without one: why it is not a better one is said here, once.
  process.env.GOPARK_DRIVER ??= drivers[0];
  const usual = values.quick ? someOf(drivers) : everybody(drivers);
  const wanted = values.contenders === undefined ? usual : contendersIn(values.contenders);
  const plan: Plan = {
    contenders: available(wanted, skipped),
    drivers,
    rounds: numberIn(values.rounds ?? (values.quick ? '4' : '11'), 'rounds'),
    seconds: numberIn(values.seconds ?? (values.quick ? '0.1' : '0.2'), 'seconds'),
    quick: values.quick,
    note,
  };
  const machine = describeMachine();
  console.log(`${machine.cores} x ${machine.cpu}, ${machine.system}; ${machine.pinning}`);
  console.log(`contenders: ${plan.contenders.join(', ')}`);
  for (const { what, why } of skipped) console.log(`without ${what}: ${why}`);
  const kept = values.merge ? (readResults(folder)?.outcomes ?? []) : [];
  const outcomes = new Map(kept.map((outcome) => [outcome.name, outcome]));
  const options = process.argv.slice(2).join(' ');
  for (const name of names) {
    console.log(`\n${name} ...`);
    const outcome = await run(name, plan);
    if (typeof outcome === 'string') {
      console.log(`skipped: ${outcome}`);
      skipped.push({ what: `workload ${name}`, why: outcome });
      continue;
    }
    outcomes.set(name, outcome);
    printOutcome(outcome);
    // After each: who stops it half-way keeps what there is.
    const sorted = Object.keys(runners).flatMap((key) => outcomes.get(key) ?? []);
    const results: Results = { machine, options, at: new Date().toISOString(), skipped, outcomes: sorted };
    writeResults(folder, results);
    render(folder, results);
  }
  console.log(`\nresults, tables and pictures: ${folder}`);
}

await runMain(async () => {
  if (values.render === undefined) return runAll();
  const results = readResults(values.render);
  if (results === null) throw new Error(`there is no results.json in ${values.render}`);
  render(values.render, results);
});
