import { ArgumentRangeError, ArgumentTypeError } from '../../io/index.ts';
import { LOAD_INTERVAL } from '../load.ts';
import type { BalancerSettings } from './balancer.ts';

/**
 * When connections move between Ps.
 *
 * @example
 * ```ts
 * import { type BalanceOptions, serve } from 'gopark/serve';
 *
 * const balance: BalanceOptions = { gap: 0.5, rest: 60_000 };
 * await serve({ listen: 'tcp://127.0.0.1:9000', handler: new URL('./handler.js', import.meta.url), balance });
 * ```
 */
export interface BalanceOptions {
  /** How much less busy the other one has to be, as a part of one processor. Above 0, at most 1. Default 0.3. */
  gap?: number;
  /** For how long that has to be so, in milliseconds, seen ten times a second. Default 300. */
  patience?: number;
  /** How long a connection that has moved stays where it is at least, in milliseconds. Default 10,000. */
  rest?: number;
}

/** The same, checked. */
export interface BalancePlan extends BalancerSettings {
  readonly rest: number;
}

const number = (value: unknown, name: string, from: number, to: number, what: string): number => {
  if (typeof value !== 'number') throw new ArgumentTypeError(name, 'a number', value);
  if (!(value >= from && value <= to)) throw new ArgumentRangeError(name, what, value);
  return value;
};

/** null: nothing moves. */
export function checkBalance(balance: boolean | BalanceOptions): BalancePlan | null {
  if (balance === false) return null;
  if (balance !== true && (typeof balance !== 'object' || balance === null)) {
    throw new ArgumentTypeError('balance', 'a boolean or an object', balance);
  }
  const { gap = 0.3, patience = 300, rest = 10_000 } = balance === true ? {} : balance;
  const most = Number.POSITIVE_INFINITY;
  number(gap, 'balance.gap', Number.MIN_VALUE, 1, 'above 0 and at most 1');
  number(patience, 'balance.patience', 0, most, 'milliseconds');
  number(rest, 'balance.rest', 0, most, 'milliseconds');
  return { gap, rest, patience: Math.max(1, Math.ceil(patience / LOAD_INTERVAL)) };
}
