import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';

/**
 * Calls `listener` when the signal fires. One signal may end thousands of waiting calls, at a shutdown for instance:
 * that is not the leak that Node would warn of. A limit that its owner has set stays.
 */
export function onAbort(signal: AbortSignal, listener: EventListenerOrEventListenerObject): void {
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
}
