import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine, median, printTable } from '../lib/report.ts';

export type Asked =
  | { readonly kind: 'files'; readonly paths: readonly string[]; readonly how: string }
  | { readonly kind: 'commits'; readonly path: string; readonly rate: number; readonly seconds: number };

interface Found {
  readonly seconds: number;
  /** Microseconds of the process, and of the kernel's threads that work for it. */
  readonly cpu: number;
  readonly threads: number;
  readonly engine: string;
}

export interface FilesFound extends Found {
  readonly lines: number;
}

export interface CommitsFound extends Found {
  readonly p50: number;
  readonly p99: number;
  readonly batches: number;
  readonly records: number;
}

const ENGINES = ['threads', 'uring'] as const;
const child = fileURLToPath(new URL('engine-child.js', import.meta.url));

/** A process that has one engine for all its runs. */
class EngineProcess {
  readonly engine: string;
  readonly #process: ChildProcess;

  constructor(engine: string) {
    this.engine = engine;
    const env = { ...process.env, GOPARK_FILES: engine, GOPARK_HOLD_LIMIT: '0' };
    this.#process = fork(child, { env });
  }

  async ask<T extends Found>(asked: Asked): Promise<T> {
    this.#process.send(asked);
    const [found] = (await once(this.#process, 'message')) as [T & { error?: string }];
    if (found.error !== undefined) throw new Error(`${this.engine}: ${found.error}`);
    if (found.engine !== this.engine) throw new Error(`${this.engine}: it is ${found.engine} that runs`);
    return found;
  }

  end(): void {
    this.#process.disconnect();
  }
}

/** Interleaved rounds of the same on each engine; the first one warms up. */
async function compare<T extends Found>(
  rounds: number,
  ask: (one: EngineProcess, round: number) => Promise<T>,
) {
  const all = ENGINES.map((engine) => ({ process: new EngineProcess(engine), found: [] as T[] }));
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const one of all) {
        const found = await ask(one.process, round);
        if (round > 0) one.found.push(found);
      }
    }
  } finally {
    for (const one of all) one.process.end();
  }
  return all.map((one) => ({ engine: one.process.engine, found: one.found }));
}

/** `--engines`: all files, each by a goroutine of its own; with `cold` the kernel has none of them in memory. */
export async function benchEngines(paths: readonly string[], rounds: number, cold: boolean): Promise<void> {
  console.log(`${machine('processes not pinned')}\n${paths.length} files${cold ? ', none in memory' : ''}\n`);
  const rows: string[][] = [];
  for (const how of ['open, read blocks', 'readFile']) {
    const results = await compare<FilesFound>(rounds, (one) => {
      // Root's business: elsewhere it fails, and the figures would be those of memory.
      if (cold) writeFileSync('/proc/sys/vm/drop_caches', '3');
      return one.ask({ kind: 'files', paths, how });
    });
    for (const { engine, found } of results) {
      rows.push([
        `${how}, ${engine}`,
        (paths.length / median(found.map(({ seconds }) => seconds))).toFixed(0),
        (paths.length / Math.min(...found.map(({ seconds }) => seconds))).toFixed(0),
        (median(found.map(({ cpu }) => cpu)) / paths.length).toFixed(0),
        String(Math.max(...found.map(({ threads }) => threads))),
      ]);
    }
  }
  printTable(['how', 'files/s (median)', 'files/s (best)', 'CPU us/file', 'threads'], rows);
}

/** `--commits`: an AsyncWriter with a sync for each batch. */
export async function benchCommits(
  directory: string,
  rate: number,
  seconds: number,
  rounds: number,
): Promise<void> {
  console.log(
    `${machine('processes not pinned')}\n${rate} records of 100 bytes a second, each batch synced\n`,
  );
  const results = await compare<CommitsFound>(rounds, (one, round) =>
    one.ask({ kind: 'commits', path: join(directory, `${one.engine}-${round}`), rate, seconds }),
  );
  const rows = results.map(({ engine, found }) => [
    engine,
    median(found.map(({ p50 }) => p50)).toFixed(2),
    median(found.map(({ p99 }) => p99)).toFixed(2),
    Math.min(...found.map(({ p99 }) => p99)).toFixed(2),
    median(found.map(({ records, batches }) => records / batches)).toFixed(1),
    median(found.map(({ cpu, records }) => cpu / records)).toFixed(1),
    String(Math.max(...found.map(({ threads }) => threads))),
  ]);
  const head = [
    'engine',
    'p50 ms',
    'p99 ms (median)',
    'p99 ms (best)',
    'records/batch',
    'CPU us/record',
    'threads',
  ];
  printTable(head, rows);
}
