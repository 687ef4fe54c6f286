import type { Gopark } from './gopark.ts';

/** Something small that is done again and again. */
export interface Workload {
  /** 'package: what it does'. */
  readonly name: string;
  /** How many of what it is named after one run does. */
  readonly count: number;
  /** What one run is; made once for each gopark. */
  readonly make: (gopark: Gopark) => (() => void | Promise<void>) | Promise<() => void | Promise<void>>;
}

/** So that V8 cannot leave out what nobody looks at. */
export function expect(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`a workload found ${found}, not ${expected}`);
}
