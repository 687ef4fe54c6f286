// One engine for files in a process of its own (GOPARK_FILES says which): does what its parent asks for, and tells.
import { readFileSync } from 'node:fs';
import { AsyncWriter, filePoolStats, open } from 'gopark/os';
import { contenders } from './contenders.ts';
import type { Asked, CommitsFound, FilesFound } from './engines.ts';

/** Threads of this process now; the kernel's workers and Node's stay for seconds at least. */
function threads(): number {
  return Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

async function measured(run: () => Promise<unknown>) {
  const before = process.cpuUsage();
  const started = performance.now();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - started) / 1000, cpu: user + system };
}

async function files(paths: readonly string[], how: string): Promise<FilesFound> {
  const contender = contenders.find(({ name }) => name.startsWith('gopark') && name.endsWith(how))!;
  let lines = 0;
  const found = await measured(async () => {
    lines = await contender.run(paths, Number.NaN);
  });
  return { ...found, lines, threads: threads(), engine: filePoolStats().engine };
}

/** An open loop: so many records a second, each with the time from when it was due to when the disk had it. */
async function commits(path: string, rate: number, seconds: number): Promise<CommitsFound> {
  await using writer = new AsyncWriter(await open(path, 'a'), { sync: 'batch', whenFailed: 'truncate' });
  const record = new Uint8Array(100).fill(65);
  const latencies: number[] = [];
  const waiting: Promise<unknown>[] = [];
  const found = await measured(async () => {
    const started = performance.now();
    await new Promise<void>((resolve) => {
      let sent = 0;
      const timer = setInterval(() => {
        const instant = performance.now() - started;
        for (const due = Math.min(instant / 1000, seconds) * rate; sent < due; sent++) {
          const at = started + (sent / rate) * 1000;
          waiting.push(writer.commit(record).then(() => latencies.push(performance.now() - at)));
        }
        if (instant < seconds * 1000) return;
        clearInterval(timer);
        resolve();
      }, 1);
    });
    await Promise.all(waiting);
  });
  latencies.sort((a, b) => a - b);
  const quantile = (q: number) => latencies[Math.floor(latencies.length * q)]!;
  return {
    ...found,
    p50: quantile(0.5),
    p99: quantile(0.99),
    batches: writer.stats.batches,
    records: latencies.length,
    threads: threads(),
    engine: filePoolStats().engine,
  };
}

process.on('message', (asked: Asked) => {
  const answer =
    asked.kind === 'files' ? files(asked.paths, asked.how) : commits(asked.path, asked.rate, asked.seconds);
  answer.then(
    (found) => process.send!(found),
    (error: unknown) => process.send!({ error: String(error) }),
  );
});
