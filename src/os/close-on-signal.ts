import type { Closer } from '../io/index.ts';

/**
 * Closes `resource` when the process is told to end, then ends it by the same signal: what an AsyncWriter still has
 * goes to the disk, and the parent sees why the process ended; writes that come after the signal are not taken, nor answered. The same signal a second time ends it at once. An
 * error of `close` goes to stderr.
 *
 * For a program that has more to do at its end than that, handle the signals and `await writer.close()` there.
 *
 * @returns a function that takes the handlers off again.
 *
 * @example
 * ```ts
 * import { AsyncWriter, closeOnSignal, open } from 'gopark/os';
 *
 * const log = new AsyncWriter(await open('app.log', 'a'));
 * closeOnSignal(log);
 * ```
 */
export function closeOnSignal(
  resource: Closer & { readonly closed?: boolean; closeLast?(): Promise<void> },
  signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'],
): () => void {
  const remove = () => {
    for (const signal of signals) process.removeListener(signal, end);
  };
  const close = () => resource.closeLast?.() ?? resource.close();
  const end = (signal: NodeJS.Signals) => {
    remove();
    const again = () => process.kill(process.pid, signal);
    if (resource.closed) again();
    else close().then(again, (error) => process.stderr.write(`gopark: ${String(error)}\n`, again));
  };
  for (const signal of signals) process.on(signal, end);
  return remove;
}
