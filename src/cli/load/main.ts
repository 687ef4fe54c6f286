// The load of the demo and of the benchmark: a process of its own, so that it does not wait in the gateway's loop.
import { createInterface } from 'node:readline';
import type { Connection } from '../../eventloop/index.ts';
import { now } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/index.ts';
import { keepHeapSmall } from '../lib/heap.ts';
import type { Client } from './client.ts';
import { connectAll, open } from './connect.ts';
import { type LoadOptions, type Phase, PUBLISHERS, parseLoad, symbolOf } from './options.ts';
import { paced } from './pacer.ts';
import type { Progress } from './report.ts';
import { Tally } from './tally.ts';

/** How long the last answers may take, in milliseconds. */
const PATIENCE = 10_000;

function tell(progress: Progress): void {
  process.stdout.write(`${JSON.stringify(progress)}\n`);
}

/** Sends orders and prices for a time, then waits for the answers. */
async function runPhase(
  phase: Phase,
  options: LoadOptions,
  clients: Client[],
  publishers: Connection[],
  tally: Tally,
): Promise<void> {
  tally.begin();
  const end = now() + phase.seconds * 1000;
  const seconds = setInterval(() => tell(tally.report('second')), 1000);
  await Promise.all([
    paced(phase.rate, end, (index, since) => {
      const client = clients[index % clients.length]!;
      client.order(symbolOf(index, options), since);
    }),
    paced(phase.feeds, end, (index) => {
      const price = (100 + (index % 1000) / 100).toFixed(2);
      const line = Buffer.from(`FEED ${symbolOf(index, options)} ${price}\n`, 'latin1');
      tally.attempt(() => publishers[index % PUBLISHERS]!.tryWrite(line));
    }),
  ]);
  clearInterval(seconds);
  const patience = now() + PATIENCE;
  while (tally.unanswered > 0 && now() < patience) await sleep(1);
  tell(tally.report('end'));
}

/** The phases to run: the command line's one, or those that stdin names, one JSON line each, until it ends. */
async function* phases(options: LoadOptions): AsyncGenerator<Phase> {
  if (!options.fromInput) yield options;
  else for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line) as Phase;
}

async function main(): Promise<void> {
  const options = parseLoad(process.argv.slice(2));
  // Long collections of ours would be taken for the gateway's latency.
  keepHeapSmall();
  const tally = new Tally();
  const ramp = setInterval(() => tell(tally.report('ramp')), 1000);
  const clients = await connectAll(options, tally);
  const publishers = await Promise.all(Array.from({ length: PUBLISHERS }, (_, i) => open(options, i)));
  clearInterval(ramp);
  tell(tally.report('ready'));
  for await (const phase of phases(options)) await runPhase(phase, options, clients, publishers, tally);
  await Promise.allSettled(
    [...publishers, ...clients.map((client) => client.conn)].map((conn) => conn.close()),
  );
}

await main();
