import { ArgumentTypeError } from '../io/index.ts';
import { OtherwiseCase, SelectCase } from './select-cases.ts';
import { Selection } from './selection.ts';
import { done } from './wake.ts';

/** Runs what a chosen case has left to do. */
function proceed(go: () => unknown): unknown {
  return go();
}

/**
 * Waits until one of the cases is ready, does that one and no other, and resolves with what its handler gives. When
 * several are ready, one is chosen at random, each as likely as the others. Go: `select`.
 *
 * Handlers run in the order of the caller's own code: never inside the call of whoever made a case ready. What a
 * handler throws is what the select rejects with. With no case that can ever be ready it waits for ever.
 *
 * @example
 * ```ts
 * import { chan, go, recv, select, sleep, timeout } from 'gopark';
 *
 * const quotes = chan<number>();
 * const stop = chan<void>();
 * go(async () => {
 *   for (let i = 0; i < 3; i++) await quotes.send(100 + i);
 *   stop.close();
 * });
 * for (let going = true; going; ) {
 *   going = await select(
 *     recv(quotes, (quote) => { console.log(quote); return true; }),
 *     recv(stop, () => false),
 *     timeout(1000, () => { throw new Error('the market is silent'); }),
 *   );
 * }
 * ```
 */
export function select<C extends readonly SelectCase<unknown>[]>(...cases: C): Promise<C[number]['result']> {
  let chosen: SelectCase<unknown> | null = null;
  let otherwise: SelectCase<unknown> | null = null;
  let ready = 0;
  for (const one of cases) {
    if (!(one instanceof SelectCase)) {
      return Promise.reject(
        new ArgumentTypeError('cases', 'made by recv, send, timeout, aborted and otherwise', one),
      );
    }
    if (one instanceof OtherwiseCase) {
      if (otherwise !== null) return Promise.reject(new TypeError('select: more than one otherwise'));
      otherwise = one;
    } else if (one.ready && Math.random() * ++ready < 1) {
      // Each that is ready takes the place of the one before with the probability that makes all of them equal.
      chosen = one;
    }
  }
  chosen ??= otherwise;
  if (chosen === null) return new Selection(cases).begin().then(proceed);
  const one = chosen;
  try {
    const performed = one.perform();
    // Another thread was faster.
    if (performed === null) return select(...cases);
    return done().then(() => one.run(performed.value, performed.ok));
  } catch (error) {
    return Promise.reject(error);
  }
}
