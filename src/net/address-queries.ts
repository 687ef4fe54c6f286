import { abortReason } from '../runtime/failures.ts';
import { type DNSQueries, NO_DATA } from './dns-query.ts';
import { DNSError } from './errors.ts';

/** RFC 8305: who has IPv4 addresses waits this long for the IPv6 ones, in milliseconds. */
const RESOLUTION_DELAY = 50;

/** Asks DNS servers for the addresses of a host, and hands each family over when its answer comes. 0: both. */
export async function askFamilies(
  queries: DNSQueries,
  host: string,
  family: 0 | 4 | 6,
  signal: AbortSignal | undefined,
  found: (addresses: readonly string[]) => void,
): Promise<void> {
  const asked = { 4: null, 6: null } as Record<4 | 6, Promise<unknown> | null>;
  const ask = (which: 4 | 6, settled: Promise<unknown> | null) => {
    const answer = queries.ask<string[]>(which === 4 ? 'A' : 'AAAA', host, signal, (resolver, callback) =>
      which === 4 ? resolver.resolve4(host, callback) : resolver.resolve6(host, callback),
    );
    return answer.then(async (addresses) => {
      if (settled !== null) await atMost(settled, RESOLUTION_DELAY);
      if (addresses.length > 0) found(addresses);
      return addresses.length;
    });
  };
  if (family !== 4) asked[6] = ask(6, null);
  if (family !== 6) asked[4] = ask(4, asked[6]);
  const questions = [asked[6], asked[4]].filter((question) => question !== null);
  const ends = await Promise.allSettled(questions);
  if (signal?.aborted) throw abortReason(signal);
  if (ends.some((end) => end.status === 'fulfilled' && (end.value as number) > 0)) return;
  const errors = ends.map((end) => (end.status === 'rejected' ? end.reason : null)).filter((e) => e !== null);
  // That one family has no address says less than what the other question died of.
  throw (
    errors.find((error) => error.code !== NO_DATA) ?? errors[0] ?? new DNSError(host, 'ENOTFOUND', undefined)
  );
}

/** Waits until `promise` has settled, but not for long. */
function atMost(promise: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const settled = () => {
      clearTimeout(timer);
      resolve();
    };
    promise.then(settled, settled);
  });
}
