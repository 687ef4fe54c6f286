import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { AddrError, DNSError } from './errors.ts';
import type { TCPNetwork } from './listen.ts';

/** The numeric addresses of a host, in the system's order, of the families that the network takes. */
export async function lookup(network: TCPNetwork, host: string): Promise<string[]> {
  const fits = (address: string) => network === 'tcp' || isIPv6(address) === (network === 'tcp6');
  if (isIP(host) !== 0) {
    if (!fits(host)) throw new AddrError(`no suitable address for ${network}`, host);
    return [host];
  }
  let found: string[];
  try {
    found = (await systemLookup(host, { all: true, verbatim: true })).map(({ address }) => address);
  } catch (cause) {
    throw new DNSError(host, (cause as NodeJS.ErrnoException).code ?? 'ENOTFOUND', cause);
  }
  const suitable = found.filter(fits);
  if (suitable.length === 0) throw new AddrError(`no suitable address for ${network}`, host);
  return suitable;
}
