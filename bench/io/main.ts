// `npm run bench:io`: lines out of a stream and bytes through a copy, beside what Node and the registry offer.
import { copyContenders, totalBytes } from './copies.ts';
import { lineContenders, lines } from './lines.ts';

const only = process.argv[2];
const runs = 7;

interface Timing {
  median: number;
  best: number;
}

/** The times of a few runs in seconds, after one to warm up. The best says what the code can do on a busy machine. */
async function time(run: () => Promise<number>, expected: number): Promise<Timing> {
  const times: number[] = [];
  for (let i = 0; i <= runs; i++) {
    // No forced collection in between: it shrinks the young generation, and views then cost five times as much.
    const started = process.hrtime.bigint();
    const result = await run();
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    if (result !== expected) throw new Error(`counted ${result} instead of ${expected}`);
    if (i > 0) times.push(seconds);
    // One slow run says enough about a slow contender.
    if (seconds > 2) return { median: seconds, best: seconds };
  }
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1]!, best: times[0]! };
}

if (only === undefined || only === 'lines') {
  console.log(`lines of 64 bytes, ${lines} of them in chunks of 64 KiB (node ${process.versions.node})\n`);
  console.log('| who | ns/line (best) | ns/line (median) | million lines/s (best) | of the fastest loop |');
  console.log('| --- | ---: | ---: | ---: | ---: |');
  const times: [string, Timing][] = [];
  for (const [name, run] of lineContenders) times.push([name, await time(run, lines)]);
  const fastest = Math.min(...times.slice(0, 2).map(([, { best }]) => best));
  const perLine = (seconds: number) => ((seconds / lines) * 1e9).toFixed(1);
  for (const [name, { best, median }] of times) {
    const rate = (lines / best / 1e6).toFixed(2);
    console.log(
      `| ${name} | ${perLine(best)} | ${perLine(median)} | ${rate} | ${(best / fastest).toFixed(1)} x |`,
    );
  }
}

if (only === undefined || only === 'copy') {
  console.log(`\n${totalBytes / 1024 ** 3} GiB through a buffer of 64 KiB\n`);
  console.log('| who | GB/s (best) | GB/s (median) | us/round (best) |\n| --- | ---: | ---: | ---: |');
  for (const [name, run] of copyContenders) {
    const { best, median } = await time(run, totalBytes);
    const rate = (seconds: number) => (totalBytes / seconds / 1e9).toFixed(1);
    const perRound = ((best / (totalBytes / 65536)) * 1e6).toFixed(2);
    console.log(`| ${name} | ${rate(best)} | ${rate(median)} | ${perRound} |`);
  }
}
