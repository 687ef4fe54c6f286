import { ArgumentTypeError } from '../io/index.ts';
import { abortReason } from '../runtime/failures.ts';

/**
 * What every call that may wait takes.
 *
 * @example
 * ```ts
 * import { chan, type WaitOptions } from 'gopark/sync';
 *
 * const patience: WaitOptions = { signal: AbortSignal.timeout(100) };
 * await chan().recv(patience).catch((reason) => console.log(reason.name)); // TimeoutError
 * ```
 */
export interface WaitOptions {
  /**
   * Ends the wait: the promise rejects with the signal's reason, and nothing was done. A signal that has fired before
   * the call ends it too, even if there was nothing to wait for.
   */
  readonly signal?: AbortSignal | undefined;
}

export function isSignal(value: unknown): value is AbortSignal {
  if (value instanceof AbortSignal) return true;
  // From another realm, or another implementation.
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/** Throws unless `signal` is one. */
export function checkSignal(signal: unknown, name = 'signal'): asserts signal is AbortSignal {
  if (!isSignal(signal)) throw new ArgumentTypeError(name, 'an AbortSignal', signal);
}

/** A rejection when the call must not even begin, else null. */
export function refused(options: WaitOptions): Promise<never> | null {
  const signal = options?.signal;
  if (signal === undefined || signal === null) return null;
  if (!isSignal(signal)) return Promise.reject(new ArgumentTypeError('signal', 'an AbortSignal', signal));
  return signal.aborted ? Promise.reject(abortReason(signal)) : null;
}
