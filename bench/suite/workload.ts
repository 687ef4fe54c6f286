import type { Outcome } from './results.ts';

/** What the command line asks for. */
export interface Plan {
  /** Those that can be had, as bench/echo names them. */
  readonly contenders: readonly string[];
  /** gopark's, those that run here; the first is the best. */
  readonly drivers: readonly string[];
  readonly rounds: number;
  /** A slice's. */
  readonly seconds: number;
  readonly quick: boolean;
  readonly note: (text: string) => void;
}

export type Report = Omit<Outcome, 'name' | 'at' | 'seconds'>;
