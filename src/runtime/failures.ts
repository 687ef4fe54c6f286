import { IOError } from '../io/index.ts';
import { now } from './clock.ts';
import { escapeText } from './escape.ts';
import type { Goroutine } from './goroutine.ts';

/**
 * What happens to errors that end a goroutine and that nobody reads from `done`. In TypeScript every I/O failure
 * is a throw, so one reset by a peer must not end a server; anything else is a bug, and bugs are loud.
 */
export interface RuntimeHooks {
  /**
   * Told of every I/O error (IOError and its kin, an AbortSignal's reason) that ended a goroutine. `null`, the
   * default: one line a second and creation site on stderr.
   */
  onError: ((error: unknown, goroutine: Goroutine) => void) | null;
  /**
   * Decides about a panic: any other error. `null`, the default: a report with the creation site on stderr, and
   * the process ends with exit code 2.
   */
  onPanic: ((error: unknown, goroutine: Goroutine) => void) | null;
}

/**
 * The hooks of this thread's runtime.
 *
 * @example
 * ```ts
 * import { runtime } from 'gopark';
 *
 * runtime.onError = (error, goroutine) => console.warn(goroutine.label, error);
 * ```
 */
export const runtime: RuntimeHooks = { onError: null, onPanic: null };

/** How many goroutines an error ended that nobody read. */
export const failureCounts = { errors: 0, panics: 0 };

const LINE_INTERVAL = 1000;
const reasons = new WeakSet<object>();
/** `abort('stop')`: told apart by value only, so no more of them are remembered than a program plausibly has. */
const primitiveReasons = new Set<unknown>();
const MOST_PRIMITIVES = 100;
const lines = new Map<string, { printed: number; suppressed: number }>();

/** Remembers that an operation rejected with this reason of an AbortSignal: whatever it is, it is not a bug. */
export function abortReason(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  if (typeof reason === 'object' && reason !== null) reasons.add(reason);
  else if (primitiveReasons.size < MOST_PRIMITIVES) primitiveReasons.add(reason);
  return reason;
}

function isInputOutput(error: unknown): boolean {
  if (error instanceof IOError) return true;
  if (typeof error !== 'object' || error === null) return primitiveReasons.has(error);
  if (reasons.has(error)) return true;
  return error instanceof DOMException && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

/** A goroutine ended with an error that nobody asked for. */
export function reportFailure(error: unknown, goroutine: Goroutine): void {
  if (isInputOutput(error)) {
    failureCounts.errors++;
    if (runtime.onError !== null) runtime.onError(error, goroutine);
    else printLine(error, goroutine);
    return;
  }
  failureCounts.panics++;
  if (runtime.onPanic !== null) runtime.onPanic(error, goroutine);
  else panic(error, goroutine);
}

/** The same for a goroutine that serves a connection: not even a bug in it may end the server. */
export function reportServed(error: unknown, goroutine: Goroutine): void {
  if (isInputOutput(error) || runtime.onPanic !== null) {
    reportFailure(error, goroutine);
    return;
  }
  failureCounts.panics++;
  process.stderr.write(`gopark: ${describe(goroutine)} failed: ${reportOf(error)}\n`);
}

function reportOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  // Line by line: the stack is ours, the message inside may be a peer's.
  return text.split('\n').map(escapeText).join('\n');
}

function describe(goroutine: Goroutine): string {
  const label = goroutine.label === '' ? '' : ` ${escapeText(goroutine.label)}`;
  return `goroutine ${goroutine.id}${label}, created at ${goroutine.site}`;
}

function printLine(error: unknown, goroutine: Goroutine): void {
  const line = lines.get(goroutine.site) ?? { printed: Number.NEGATIVE_INFINITY, suppressed: 0 };
  lines.set(goroutine.site, line);
  const instant = now();
  if (instant - line.printed < LINE_INTERVAL) {
    line.suppressed++;
    return;
  }
  const others = line.suppressed === 0 ? '' : ` (and ${line.suppressed} more since the last line)`;
  line.printed = instant;
  line.suppressed = 0;
  process.stderr.write(`gopark: ${describe(goroutine)} ended: ${escapeText(String(error))}${others}\n`);
}

function panic(error: unknown, goroutine: Goroutine): void {
  process.stderr.write(`panic: ${reportOf(error)}\n\n${describe(goroutine)}\n`);
  process.exit(2);
}
