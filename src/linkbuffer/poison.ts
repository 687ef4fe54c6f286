import { ReleasedError } from './errors.ts';
import type { Lent } from './types.ts';

/**
 * Whether `GOPARK_POISON=1` was set when the process began. Then memory that is given back is overwritten with 0xdb,
 * and whatever was lent is taken away for good at its release: the array has length 0 from then on, and most uses
 * of it throw. Everything lent is a copy for that: it is a mode for tests and for the hunt.
 */
export const poisoned: boolean =
  (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.GOPARK_POISON ===
  '1';

/** What released memory is overwritten with. */
export const poisonByte = 0xdb;

const outstanding = new WeakMap<object, ArrayBuffer[]>();
const guarded = new WeakSet<ArrayBufferLike>();
const releases = new WeakMap<ArrayBufferLike, Error>();

type Transferable = ArrayBuffer & { transfer?: () => ArrayBuffer };

/** The same bytes in another array buffer. All views of the old one are dead, and `site` says why. */
export function rehome(memory: ArrayBuffer, site: Error): ArrayBuffer {
  const transferable: Transferable = memory;
  releases.set(memory, site);
  if (typeof transferable.transfer === 'function') return transferable.transfer();
  return structuredClone(memory, { transfer: [memory] });
}

/** A copy of `view` that dies with `expire(owner)`. */
export function guard(owner: object, view: Uint8Array): Uint8Array {
  const copy = new Uint8Array(view.length);
  copy.set(view);
  guarded.add(copy.buffer);
  const copies = outstanding.get(owner);
  if (copies === undefined) outstanding.set(owner, [copy.buffer]);
  else copies.push(copy.buffer);
  return copy;
}

/** Whether `p` is a part of what `guard` gave, and so will die. */
export function isGuarded(p: Uint8Array): boolean {
  return guarded.has(p.buffer);
}

/** What `guard` gave for `owner` is dead from now on. */
export function expire(owner: object): void {
  const copies = outstanding.get(owner);
  if (copies === undefined) return;
  outstanding.delete(owner);
  const site = new Error('released here');
  for (const copy of copies) rehome(copy, site);
}

/**
 * Throws `ReleasedError` when `view` was lent and has been released; its `cause` shows where. It knows only where
 * `GOPARK_POISON=1` is set, else it does nothing. For code that keeps lent memory on purpose and wants to be sure.
 *
 * @example
 * ```ts
 * import { checkLent, type Lent } from 'gopark/linkbuffer';
 *
 * function parse(header: Lent): number {
 *   checkLent(header);
 *   return header[0] ?? 0;
 * }
 * ```
 */
export function checkLent(view: Lent): void {
  const site = releases.get(view.buffer);
  if (site !== undefined) throw new ReleasedError('memory that was lent', { cause: site });
}
