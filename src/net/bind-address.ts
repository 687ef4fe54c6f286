import { isIP, isIPv6 } from 'node:net';
import { AddrError } from './errors.ts';
import { defaultResolver } from './lookup.ts';

/** What a machine without IPv6 says to '::'. */
export const NO_IPV6: ReadonlySet<string> = new Set([
  'EAFNOSUPPORT',
  'EADDRNOTAVAIL',
  'EINVAL',
  'EPROTONOSUPPORT',
]);

/**
 * The numeric address to bind to `host`, and whether it stands for all of both families. `network` is 'tcp', 'udp4'
 * and so on.
 */
export async function bindAddress(
  network: string,
  host: string,
  signal?: AbortSignal,
): Promise<{ host: string; dual: boolean }> {
  const family = network.endsWith('4') ? 4 : network.endsWith('6') ? 6 : 0;
  if (host === '')
    return family === 4 ? { host: '0.0.0.0', dual: false } : { host: '::', dual: family === 0 };
  if (isIP(host.replace(/%.*/, '')) !== 0) {
    if ((family === 4 && isIPv6(host)) || (family === 6 && !isIPv6(host))) {
      throw new AddrError(`no suitable address for ${network}`, host);
    }
    return { host, dual: family === 0 && host === '::' };
  }
  const found = await defaultResolver.lookupHost(
    host,
    signal === undefined ? { family } : { family, signal },
  );
  // One address, IPv4 where there is one: as in Go.
  return { host: found.find((address) => !isIPv6(address)) ?? found[0]!, dual: false };
}
