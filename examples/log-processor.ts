// Counts the lines of log files and those with an error in them: a goroutine for each file, however many there are.
//
//     node build/examples/log-processor.js [directory]
//
// Without a directory it makes 2,000 files of its own and removes them afterwards.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { go } from 'gopark';
import { Scanner } from 'gopark/bufio';
import { filePoolStats, open, readDir } from 'gopark/os';

interface Count {
  lines: number;
  errors: number;
}

const ERROR = Buffer.from(' ERROR ');

async function count(path: string): Promise<Count> {
  await using file = await open(path);
  const scanner = new Scanner(file).buffer(new Uint8Array(32 * 1024), 1 << 20);
  const found = { lines: 0, errors: 0 };
  while (await scanner.scan()) {
    found.lines++;
    const line = scanner.bytes();
    if (Buffer.from(line.buffer, line.byteOffset, line.length).includes(ERROR)) found.errors++;
  }
  return found;
}

function makeLogs(files: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'gopark-logs-'));
  const good = '2026-01-31T23:59:59.123Z INFO request served in 12 ms by worker 7\n';
  const bad = '2026-01-31T23:59:59.456Z ERROR no answer from 10.0.0.7:5432 within 2 s\n';
  const text = `${good.repeat(99)}${bad}`.repeat(10);
  for (let i = 0; i < files; i++) writeFileSync(join(directory, `worker-${i}.log`), text);
  return directory;
}

function threads(): string {
  try {
    return /^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
  } catch {
    return 'an unknown number of';
  }
}

const given = process.argv[2];
const directory = given ?? makeLogs(2000);
try {
  const names = await readDir(directory);
  const started = performance.now();
  const goroutines = names.map((name) => go(count, join(directory, name)));
  const counts = await Promise.all(goroutines.map((goroutine) => goroutine.done));
  const seconds = (performance.now() - started) / 1000;
  const lines = counts.reduce((sum, one) => sum + one.lines, 0);
  const errors = counts.reduce((sum, one) => sum + one.errors, 0);
  console.log(`${lines} lines in ${names.length} files, ${errors} with errors, ${seconds.toFixed(2)} s`);
  console.log(
    `${goroutines.length} goroutines, ${threads()} threads, at most ${filePoolStats().concurrency} file operations at a time`,
  );
} finally {
  if (given === undefined) rmSync(directory, { recursive: true, force: true });
}
