import { D_ADDRESS, D_FAMILY, D_PORT, D_SCOPE } from '../../datagram-block.ts';
import type { RawAddress } from '../../datagram-driver.ts';
import { formatIPv4, formatIPv6, type IPWords, parseIP } from '../../ip-words.ts';
import { scopeOf, zoneOf } from '../../zones.ts';

const ADDRESS = D_ADDRESS - D_FAMILY;
const SCOPE = D_SCOPE - D_FAMILY;

/** Hosts that were parsed lately. */
const REMEMBERED = 1024;
const remembered = new Map<string, { readonly words: IPWords; readonly scope: number }>();

function parse(host: string) {
  let parsed = remembered.get(host);
  if (parsed === undefined) {
    const percent = host.indexOf('%');
    parsed = {
      words: parseIP(percent < 0 ? host : host.slice(0, percent)) ?? [0],
      scope: percent < 0 ? 0 : scopeOf(host.slice(percent + 1)),
    };
    if (remembered.size === REMEMBERED) remembered.clear();
    remembered.set(host, parsed);
  }
  return parsed;
}

/** Most datagrams come from where the one before them came. Nobody changes the words of an address. */
let lastHost = '';
let lastPort = 0;
let last: RawAddress = new Int32Array(0);

/** The words of what Node tells of a peer. */
export function rawAddress(host: string, port: number): RawAddress {
  if (port === lastPort && host === lastHost) return last;
  const { words, scope } = parse(host);
  const raw = new Int32Array(SCOPE + 1);
  raw[0] = words.length === 1 ? 4 : 6;
  raw[D_PORT - D_FAMILY] = port;
  raw.set(words, ADDRESS);
  if (words.length === 4) raw[SCOPE] = scope;
  [lastHost, lastPort, last] = [host, port, raw];
  return raw;
}

export function portOf(raw: RawAddress): number {
  return raw[D_PORT - D_FAMILY]!;
}

export function scopeOfRaw(raw: RawAddress): number {
  return raw[0] === 6 ? raw[SCOPE]! : 0;
}

/** The text of an address for Node; `mapped`: for a socket of IPv6, which knows IPv4 only in its own form. */
export function addressText(raw: RawAddress, mapped: boolean): string {
  if (raw[0] === 4) return (mapped ? '::ffff:' : '') + formatIPv4(raw[ADDRESS]!);
  const text = formatIPv6([...raw.subarray(ADDRESS, ADDRESS + 4)]);
  return raw[SCOPE] === 0 ? text : `${text}%${zoneOf(raw[SCOPE]!)}`;
}
