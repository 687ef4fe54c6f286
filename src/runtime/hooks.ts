import type { Goroutine } from './goroutine.ts';
import { dumpOn, dumpsOnQuit, setDumpsOnQuit } from './signals.ts';
import { getHoldHook, getHoldLimit, type HoldHook, setHoldHook, setHoldLimit } from './watchdog.ts';

/**
 * Settings of this thread's runtime, and what it tells the program.
 *
 * @example
 * ```ts
 * import { type RuntimeHooks, runtime } from 'gopark';
 *
 * const settings: Partial<RuntimeHooks> = { holdLimit: 250, detectDeadlock: false };
 * Object.assign(runtime, settings);
 * ```
 */
export interface RuntimeHooks {
  /**
   * Told of every I/O error (IOError and its kin, an AbortSignal's reason) that ended a goroutine. `null`, the
   * default: one line a second and creation site on stderr. What it throws is a panic.
   */
  onError: ((error: unknown, goroutine: Goroutine) => void) | null;
  /**
   * Decides about a panic: any other error. `null`, the default: a report with the creation site on stderr, and
   * the process ends with exit code 2. So it does, with a report of both, when the hook itself throws.
   */
  onPanic: ((error: unknown, goroutine: Goroutine) => void) | null;
  /**
   * For how many milliseconds a goroutine may hold the event loop before the watchdog tells. Default 100 (or what
   * the environment variable `GOPARK_HOLD_LIMIT` says), 0: never. Holds are counted in `stats()`.
   */
  holdLimit: number;
  /**
   * Told of every such hold, at most one a second that nobody in particular is suspected of. `null`, the default: a
   * line on stderr, once for each creation site. What it throws is an uncaught exception.
   */
  onHold: HoldHook;
  /**
   * Whether a program that would end while goroutines still wait for channels, locks or wait groups ends with a dump
   * and exit code 2 instead. Default true. Goroutines that are `unref`ed do not count.
   */
  detectDeadlock: boolean;
  /**
   * Whether SIGQUIT (Ctrl-\) prints the dump on stderr and ends the process with exit code 2, as in Go. Default true,
   * in the main thread, from the first goroutine or connection on; a program's own SIGQUIT listener has precedence.
   * False leaves the signal to the system.
   */
  dumpOnQuit: boolean;
  /**
   * From now on the signal prints the dump on stderr, and the program goes on. Returns what takes that back. The
   * environment variable `GOPARK_DUMP_SIGNAL=SIGUSR2` does the same from outside. Main thread only: worker threads
   * receive no signals.
   */
  dumpOn(signal: NodeJS.Signals): () => void;
}

/**
 * The hooks of this thread's runtime.
 *
 * @example
 * ```ts
 * import { runtime } from 'gopark';
 *
 * runtime.onError = (error, goroutine) => console.warn(goroutine.label, error);
 * runtime.dumpOn('SIGUSR2');
 * ```
 */
export const runtime: RuntimeHooks = {
  onError: null,
  onPanic: null,
  get holdLimit() {
    return getHoldLimit();
  },
  set holdLimit(ms: number) {
    setHoldLimit(ms);
  },
  get onHold() {
    return getHoldHook();
  },
  set onHold(hook: HoldHook) {
    setHoldHook(hook);
  },
  detectDeadlock: true,
  get dumpOnQuit() {
    return dumpsOnQuit();
  },
  set dumpOnQuit(on: boolean) {
    setDumpsOnQuit(on);
  },
  dumpOn,
};
