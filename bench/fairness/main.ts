// `npm run bench:fairness`: how long one connection waits for its turn while another one floods its goroutine.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Child } from '../lib/child.ts';
import { compile } from '../lib/compile.ts';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { machine, printTable } from '../lib/report.ts';

/** Milliseconds that the slowest of a hundred round trips may take. */
const limit = 25;

const variants: Record<string, { title: string; flooded: boolean }> = {
  alone: { title: 'no flood', flooded: false },
  'read-4k': { title: 'flood, await read, 4 KiB buffer', flooded: true },
  'read-64k': { title: 'flood, await read, 64 KiB buffer', flooded: true },
  'try-read': { title: 'flood, waitReadable + tryRead loop, 4 KiB buffer', flooded: true },
};

interface Found {
  readonly pings: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly flood: number;
}

async function run(name: string, program: string, seconds: number): Promise<Found> {
  const path = fileURLToPath(new URL('servers/gopark.js', import.meta.url));
  const { flooded } = variants[name]!;
  const server = new Child('server', [process.execPath, path, flooded ? name : 'read-4k']);
  try {
    const [flood, ping] = (await server.line()).split(' ');
    const load = new Child('load', [program, flooded ? flood! : '0', ping!, String(seconds), '1']);
    return JSON.parse(await load.line());
  } finally {
    await server.stop();
  }
}

await runMain(async () => {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '5' }, only: { type: 'string' } },
  });
  const seconds = numberIn(values.seconds, 'seconds');
  const names = namesIn(values.only, Object.keys(variants), 'variant');
  const program = compile('fairness/flood-and-ping.c');
  console.log(machine());
  console.log(`round trips of 64 B on one connection, ${seconds} s each; limit for p99: ${limit} ms\n`);
  const ms = (us: number) => (us / 1000).toFixed(2);
  const rows: string[][] = [];
  for (const name of names) {
    const { pings, p50, p99, max, flood } = await run(name, program, seconds);
    const verdict = p99 <= limit * 1000 ? 'yes' : 'NO';
    rows.push([
      variants[name]!.title,
      String(pings),
      ms(p50),
      ms(p99),
      ms(max),
      (flood / 1e6).toFixed(0),
      verdict,
    ]);
  }
  printTable(['what', 'round trips', 'p50 ms', 'p99 ms', 'max ms', 'flood MB/s', `p99 <= ${limit} ms`], rows);
  if (rows.some((row) => row.at(-1) === 'NO')) process.exitCode = 1;
});
