import { IOError } from '../io/index.ts';
import { now } from './clock.ts';
import { escapeText } from './escape.ts';
import type { Goroutine } from './goroutine.ts';
import { runtime } from './hooks.ts';
import { shortPath } from './source.ts';
import { complain } from './stderr.ts';

// What happens to errors that end a goroutine and that nobody reads from `done`. In TypeScript every I/O failure is a
// throw, so one reset by a peer must not end a server; anything else is a bug, and bugs are loud.

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
  if (!isInputOutput(error)) {
    reportPanic(error, goroutine);
    return;
  }
  failureCounts.errors++;
  if (runtime.onError === null) {
    printLine(error, goroutine);
    return;
  }
  try {
    runtime.onError(error, goroutine);
  } catch (thrown) {
    // Whatever it throws, also an I/O error: a handler of errors that fails is a bug.
    complain(`gopark: runtime.onError threw when it was told of: ${reportOf(error)}\n`);
    reportPanic(thrown, goroutine);
  }
}

function reportPanic(error: unknown, goroutine: Goroutine): void {
  failureCounts.panics++;
  if (runtime.onPanic === null) {
    panic(error, goroutine);
    return;
  }
  try {
    runtime.onPanic(error, goroutine);
  } catch (thrown) {
    complain(`gopark: runtime.onPanic threw when it was told of: ${reportOf(error)}\n`);
    panic(thrown, goroutine);
  }
}

/** The same for a goroutine that serves a connection: not even a bug in it may end the server. */
export function reportServed(error: unknown, goroutine: Goroutine): void {
  if (isInputOutput(error) || runtime.onPanic !== null) {
    reportFailure(error, goroutine);
    return;
  }
  failureCounts.panics++;
  complain(`gopark: ${describe(goroutine)} failed: ${reportOf(error)}\n`);
}

function reportOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  // Line by line: the stack is ours, the message inside may be a peer's.
  return text.split('\n').map(escapeText).join('\n');
}

function describe(goroutine: Goroutine): string {
  const label = goroutine.label === '' ? '' : ` ${escapeText(goroutine.label)}`;
  return `goroutine ${goroutine.id}${label}, created at ${escapeText(shortPath(goroutine.site))}`;
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
  complain(`gopark: ${describe(goroutine)} ended: ${escapeText(String(error))}${others}\n`);
}

function panic(error: unknown, goroutine: Goroutine): void {
  complain(`panic: ${reportOf(error)}\n\n${describe(goroutine)}\n`);
  process.exit(2);
}
