// `npm run bench:gateway`: order -> ack latency of the gateway at half of what it can do, with few and many connections.
import { parseArgs } from 'node:util';
import { numberIn, runMain } from '../lib/options.ts';
import { machine, printTable } from '../lib/report.ts';
import { findSaturation } from './saturation.ts';
import { UnderLoad } from './under-load.ts';

/** What the gateway may need with many connections; with few, what Node itself needs would not even fit. */
const limits = { from: 15_000, threads: 16, resident: 60 * 2 ** 20, residentForEach: 2000 };

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
const milliseconds = (us: number) => (us / 1000).toFixed(2);

async function measure(connections: number, seconds: number, feeds: number): Promise<string[]> {
  const saturation = await findSaturation(connections, Math.min(3, seconds), (rate, found) => {
    const { throughput, p50, p99 } = found;
    const latency = `p50 ${milliseconds(p50)} ms, p99 ${milliseconds(p99)} ms`;
    console.log(
      `${connections} connections, ${rate} orders/s: ${Math.round(throughput)} answered, ${latency}`,
    );
  });
  const tested = await UnderLoad.start(connections);
  try {
    const idle = tested.resident;
    const rate = Math.round(saturation / 2);
    await tested.run({ seconds: 2, rate, feeds });
    const found = await tested.run({ seconds, rate, feeds });
    if (found.lost > 0 || found.errors > 0) {
      throw new Error(`${found.lost} orders without an answer, ${found.errors} errors: ${found.firstError}`);
    }
    const limit = limits.resident + connections * limits.residentForEach;
    const holds = found.threads <= limits.threads && found.resident <= limit;
    return [
      String(connections),
      String(Math.round(saturation)),
      String(rate),
      milliseconds(found.p50),
      milliseconds(found.p99),
      milliseconds(found.max),
      found.cpuMicroseconds.toFixed(1),
      String(Math.round(found.ticks / found.seconds)),
      mebibytes(idle),
      mebibytes(found.resident),
      String(found.threads),
      ...(connections < limits.from ? ['-', '-'] : [mebibytes(limit), holds ? 'yes' : 'NO']),
    ];
  } finally {
    await tested.stop();
  }
}

const head = [
  'connections',
  'saturation orders/s',
  'half: orders/s',
  'p50 ms',
  'p99 ms',
  'max ms',
  'CPU us/order',
  'ticks/s',
  'RSS idle MiB',
  'RSS MiB',
  'threads',
  'limit MiB',
  'holds',
];

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '2000,15000' },
      seconds: { type: 'string', default: '10' },
      feeds: { type: 'string', default: '20' },
    },
  });
  const seconds = numberIn(values.seconds, 'seconds');
  const feeds = numberIn(values.feeds, 'feeds');
  console.log(`${machine()}\n`);
  const rows: string[][] = [];
  for (const connections of values.connections.split(',')) {
    rows.push(await measure(numberIn(connections, 'connections'), seconds, feeds));
  }
  console.log('');
  printTable(head, rows);
  if (rows.some((row) => row.at(-1) === 'NO')) process.exitCode = 1;
});
