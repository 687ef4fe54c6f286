import { takeCensus } from '../runtime/census.ts';
import { now } from '../runtime/clock.ts';
import { nameOf } from '../runtime/dump.ts';
import { functionName, isLibrary, shortPath, sourceOf } from '../runtime/source.ts';

/** Functions told of each chain. */
const MOST_FRAMES = 12;

/**
 * A function that awaits.
 *
 * @example
 * ```ts
 * import { type DumpFrame, dump } from 'gopark/debug';
 *
 * const line = ({ name, source }: DumpFrame) => `${name} (${source})`;
 * for (const { frames } of dump()) console.log(frames.map(line));
 * ```
 */
export interface DumpFrame {
  readonly name: string;
  /** `file:line:column`; relative to the working directory where the file is below it. */
  readonly source: string;
}

/**
 * What one goroutine does, or one wait that no goroutine is known to be in. Text in it may come from peers: escape it
 * before it goes to a terminal or into a page.
 *
 * @example
 * ```ts
 * import { type DumpEntry, dump } from 'gopark/debug';
 *
 * const waitsLong = ({ waited }: DumpEntry): boolean => waited !== null && waited > 60_000;
 * console.log(dump().filter(waitsLong));
 * ```
 */
export interface DumpEntry {
  /** Of the goroutine; null: nobody knows whose the wait is, or it is that of a module's top level. */
  readonly goroutine: number | null;
  /** 'exact'; 'inferred': it was started to serve the connection that is waited on; 'unknown': there is none. */
  readonly certainty: 'exact' | 'inferred' | 'unknown';
  readonly label: string;
  /** As in `stack()`: 'IO wait', 'chan receive', 'sync.Mutex.Lock', 'running', 'runnable'... */
  readonly state: string;
  /** For how many milliseconds it has waited, as exact as a turn of the event loop; null: nobody knows. */
  readonly waited: number | null;
  /** What waits of this kind have in common, 'read tcp' for instance; '' where the state says it all. */
  readonly operation: string;
  /** What is waited for, in full: addresses, or which lock and who holds it; '' for nothing. */
  readonly detail: string;
  /** Where a goroutine with this function was first created, as `file:line:column`; '' without a goroutine. */
  readonly createdAt: string;
  /** The functions that await, the innermost first, without gopark's own; at most twelve. */
  readonly frames: readonly DumpFrame[];
}

/**
 * What `stack()` prints, as data: an entry for every goroutine of this thread and for every wait of nobody that is
 * known. A goroutine in two waits has two. It costs what `stack()` costs, milliseconds, and with 100,000 goroutines
 * some hundreds, in which nothing else runs.
 *
 * @example
 * ```ts
 * import { dump } from 'gopark/debug';
 *
 * const stuck = dump().filter(({ state, waited }) => state.startsWith('sync.') && (waited ?? 0) > 10_000);
 * console.log(JSON.stringify(stuck));
 * ```
 */
export function dump(): DumpEntry[] {
  const instant = now();
  return takeCensus(dump).map(({ state, wait, goroutine, certainty, frames }) => {
    const own = frames.filter((frame) => !isLibrary(frame));
    return {
      goroutine: goroutine?.id ?? null,
      certainty,
      label: goroutine?.label ?? '',
      state: nameOf(state),
      waited: wait === null || Number.isNaN(wait.since) ? null : Math.max(0, instant - wait.since),
      operation: wait?.waitOperation ?? '',
      detail: wait?.describeWait() ?? '',
      createdAt: goroutine === null ? '' : shortPath(goroutine.site),
      frames: (own.length > 0 ? own : frames)
        .slice(0, MOST_FRAMES)
        .map((frame) => ({ name: functionName(frame), source: sourceOf(frame) })),
    };
  });
}
