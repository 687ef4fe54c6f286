import { setMaxListeners } from 'node:events';

/**
 * Calls `listener` when the signal fires. One signal may end thousands of waiting calls, at a shutdown for instance:
 * that is not the leak that Node would warn of.
 */
export function onAbort(signal: AbortSignal, listener: (() => void) | { handleEvent(): void }): void {
  setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
}
