/**
 * The P that runs this code: see `proc`.
 *
 * @example
 * ```ts
 * import { type Proc, proc } from 'gopark/serve';
 *
 * const { index, procs }: Proc = proc();
 * console.log(`P ${index} of ${procs}`);
 * ```
 */
export interface Proc {
  /** From 0. */
  readonly index: number;
  readonly procs: number;
  /** What `serve` was given as `data`. */
  readonly data: unknown;
}

let current: Proc = { index: 0, procs: 1, data: undefined };

/** @internal */
export function become(proc: Proc): void {
  current = proc;
}

/**
 * Which P the calling code runs in: for handler modules. Outside of `serve` it is the only one.
 *
 * @example
 * ```ts
 * import type { Conn } from 'gopark/net';
 * import { proc } from 'gopark/serve';
 *
 * export default async (conn: Conn) => {
 *   await conn.write(new TextEncoder().encode(`served by P ${proc().index}\n`));
 * };
 * ```
 */
export function proc(): Proc {
  return current;
}
