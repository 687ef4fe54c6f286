// `npm run bench:files`: many log files, each read by a goroutine of its own, beside fs.promises with the same bound.
// With --send MEBIBYTES: one file to a connection. With --pipe MEBIBYTES: stdin to a connection, and back. With --engines:
// threads beside the ring (--cold: from the disk). With --commits RATE: the same two under an AsyncWriter.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filePoolStats } from 'gopark/os';
import { numberIn, runMain } from '../lib/options.ts';
import { machine, median, printTable } from '../lib/report.ts';
import { contenders } from './contenders.ts';
import { benchCommits, benchEngines } from './engines.ts';
import { benchPipe } from './pipe.ts';
import { benchSend } from './send.ts';

/** Threads of this process; NaN where the system does not say. */
function threads(): number {
  try {
    return Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  } catch {
    return Number.NaN;
  }
}

function makeFiles(directory: string, count: number, size: number): string[] {
  const line = '2026-01-31T23:59:59.123Z INFO request served in 12 ms by worker 7\n';
  const content = Buffer.from(
    line
      .repeat(Math.ceil(size / line.length))
      .slice(0, size - 1)
      .concat('\n'),
  );
  return Array.from({ length: count }, (_, i) => {
    const path = join(directory, `log-${i}`);
    writeFileSync(path, content);
    return path;
  });
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      files: { type: 'string', default: '2000' },
      size: { type: 'string', default: '65536' },
      send: { type: 'string' },
      pipe: { type: 'string' },
      engines: { type: 'boolean', default: false },
      cold: { type: 'boolean', default: false },
      commits: { type: 'string' },
      seconds: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '7' },
    },
  });
  const count = numberIn(values.files, 'files');
  const size = numberIn(values.size, 'size');
  const bound = filePoolStats().concurrency;
  const directory = mkdtempSync(join(tmpdir(), 'gopark-files-'));
  try {
    if (values.send !== undefined) {
      const mebibytes = numberIn(values.send, 'send');
      await benchSend(join(directory, 'file'), mebibytes, numberIn(values.rounds, 'rounds'));
      return;
    }
    if (values.pipe !== undefined) {
      await benchPipe(numberIn(values.pipe, 'pipe'), numberIn(values.rounds, 'rounds'));
      return;
    }
    if (values.commits !== undefined) {
      const seconds = numberIn(values.seconds, 'seconds');
      const rounds = numberIn(values.rounds, 'rounds');
      await benchCommits(directory, numberIn(values.commits, 'commits'), seconds, rounds);
      return;
    }
    const paths = makeFiles(directory, count, size);
    if (values.engines) {
      await benchEngines(paths, numberIn(values.rounds, 'rounds'), values.cold);
      return;
    }
    console.log(
      `${machine('one process, not pinned')}\n${count} files of ${size} bytes, in the kernel's memory; ${bound} operations at a time\n`,
    );
    const seconds = contenders.map((): number[] => []);
    const cpu = contenders.map((): number[] => []);
    const most = contenders.map(() => 0);
    const expected = await contenders[0]!.run(paths, bound);
    for (let round = 0; round <= numberIn(values.rounds, 'rounds'); round++) {
      for (const [i, { name, run }] of contenders.entries()) {
        const watching = setInterval(() => {
          most[i] = Math.max(most[i]!, threads());
        }, 5);
        const cpuBefore = process.cpuUsage();
        const started = process.hrtime.bigint();
        const lines = await run(paths, bound);
        const elapsed = Number(process.hrtime.bigint() - started) / 1e9;
        clearInterval(watching);
        if (lines !== expected) throw new Error(`${name} counted ${lines} lines instead of ${expected}`);
        // The first round warms up.
        if (round === 0) continue;
        const used = process.cpuUsage(cpuBefore);
        seconds[i]!.push(elapsed);
        cpu[i]!.push((used.user + used.system) / count);
      }
    }
    const rows = contenders.map(({ name }, i) => [
      name,
      (count / median(seconds[i]!)).toFixed(0),
      (count / Math.min(...seconds[i]!)).toFixed(0),
      median(cpu[i]!).toFixed(0),
      String(most[i]),
    ]);
    printTable(['who', 'files/s (median)', 'files/s (best)', 'CPU us/file', 'threads'], rows);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
