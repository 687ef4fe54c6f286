import type { Family, Found } from '../results.ts';

/** Readable on white and on black. */
export const colors: Readonly<Record<Family, string>> = {
  c: '#818b98',
  go: '#2f81f7',
  node: '#3fa34d',
  bun: '#c77dba',
  deno: '#8b6fd8',
  gopark: '#e8590c',
};

/** Lines of one family differ by their dashes. */
const dashes = ['none', '7 3', '2 3', '8 3 2 3', '4 2', '1 2'];

export function dashOf(all: readonly Found[], one: Found): string {
  const family = all.filter((other) => other.family === one.family);
  return dashes[family.indexOf(one) % dashes.length]!;
}
