import { readFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { pinningNote } from './pinning.ts';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The machine, for the head of a report: figures mean nothing without it. `pinning`: where its processes run. */
export function machine(pinning: string = pinningNote): string {
  const all = cpus();
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ')[0];
  const system = `${type()} ${release()}, node ${process.versions.node}`;
  return `${all.length} x ${all[0]?.model ?? 'unknown CPU'}, ${system}; ${pinning}; load before: ${load}`;
}

/** Prints a Markdown table, aligned for terminals: the first column to the left, figures to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const pad = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!));
  console.log(`| ${head.map(pad).join(' | ')} |`);
  console.log(
    `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`,
  );
  for (const row of rows) console.log(`| ${row.map(pad).join(' | ')} |`);
}
