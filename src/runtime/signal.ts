import { setMaxListeners } from 'node:events';
import { ArgumentTypeError } from '../io/index.ts';

/** What is wrong with a signal that a caller passed, null: nothing. For calls that are about to wait for it. */
export function signalFault(signal: AbortSignal | undefined): ArgumentTypeError | null {
  if (signal === undefined) return null;
  const isSignal = typeof signal?.addEventListener === 'function' && typeof signal.aborted === 'boolean';
  return isSignal ? null : new ArgumentTypeError('signal', 'an AbortSignal', signal);
}

/** Throws unless it is an AbortSignal, or does as one does. */
export function checkSignal(signal: AbortSignal): void {
  const fault = signalFault(signal);
  if (fault !== null) throw fault;
}

/**
 * Calls `listener` when the signal fires. One signal may end thousands of waiting calls, at a shutdown for instance:
 * that is not the leak that Node would warn of.
 */
export function onAbort(signal: AbortSignal, listener: (() => void) | { handleEvent(): void }): void {
  checkSignal(signal);
  // One of another make has no such limit.
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
}
