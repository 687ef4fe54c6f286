import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A figure that a workload is about. */
export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
}

/** A point of a latency distribution: a share of all, from 0 to 1, and the microseconds that it stays below. */
export type Point = readonly [share: number, microseconds: number];

/** What one contender showed. */
export interface Found {
  readonly name: string;
  readonly title: string;
  /** Who belongs together: see charts/theme.ts. */
  readonly family: Family;
  /** Of each metric, one figure a round; null: there was nothing to count. */
  readonly rounds: Readonly<Record<string, readonly (number | null)[]>>;
  /** The latencies of all rounds together. */
  readonly curve?: readonly Point[];
}

export type Family = 'c' | 'go' | 'node' | 'bun' | 'deno' | 'gopark';

/** Who had no part, and why. */
export interface Skipped {
  readonly what: string;
  readonly why: string;
}

/** What a workload showed. */
export interface Outcome {
  readonly name: string;
  readonly title: string;
  /** What is to be known of the making of these figures; one or two sentences. */
  readonly how: string;
  /** The first is the one to compare by. */
  readonly metrics: readonly Metric[];
  readonly found: readonly Found[];
  readonly skipped: readonly Skipped[];
  /** ISO 8601. */
  readonly at: string;
  readonly seconds: number;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  readonly system: string;
  readonly pinning: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface Results {
  readonly machine: Machine;
  /** The command line's options. */
  readonly options: string;
  readonly at: string;
  readonly skipped: readonly Skipped[];
  readonly outcomes: readonly Outcome[];
}

const file = (folder: string) => join(folder, 'results.json');

/** Six digits; null for what is no number. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}

/** Every list of numbers on one line: a file that can be read and compared. */
function print(results: Results): string {
  const text = JSON.stringify(results, (_, value) => (typeof value === 'number' ? rounded(value) : value), 1);
  return `${text.replace(/\[\s+((?:[\d.e+-]+|null)(?:,\s+(?:[\d.e+-]+|null))*)\s+\]/g, (_, list: string) => `[${list.replace(/\s+/g, ' ')}]`)}\n`;
}

export function writeResults(folder: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(file(folder), print(results));
}

/** Null: there are none. */
export function readResults(folder: string): Results | null {
  return existsSync(file(folder)) ? JSON.parse(readFileSync(file(folder), 'utf8')) : null;
}
