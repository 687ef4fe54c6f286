import { isIPv4, isIPv6 } from 'node:net';
import { ArgumentRangeError } from '../../io/index.ts';
import type { TCPAddr } from '../addr.ts';
import { FIXED, LONGEST, type ProxyHeader, SIGNATURE } from './header.ts';

/** The address as 16 bytes; IPv4 in IPv6's clothes. */
function ipv6Bytes(host: string): number[] {
  if (isIPv4(host)) return [...new Array<number>(10).fill(0), 0xff, 0xff, ...ipv4Bytes(host)];
  // The last four bytes may be written as IPv4.
  const plain = host.replace(/[^:]*\.[^:]*$/, (tail) => {
    const [a, b, c, d] = ipv4Bytes(tail) as [number, number, number, number];
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before = '', after] = plain.split('::');
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  return [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]);
}

function ipv4Bytes(host: string): number[] {
  return host.split('.').map(Number);
}

function checkAddr(name: string, addr: TCPAddr): void {
  const { host, port } = addr;
  if (!(isIPv4(host) || isIPv6(host)) || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ArgumentRangeError(name, 'a numeric address with a port', String(addr));
  }
}

function line(source: TCPAddr | null, destination: TCPAddr | null): string {
  if (source === null || destination === null) return 'PROXY UNKNOWN\r\n';
  const both4 = isIPv4(source.host) && isIPv4(destination.host);
  const host = (addr: TCPAddr) => (both4 || isIPv6(addr.host) ? addr.host : `::ffff:${addr.host}`);
  const family = both4 ? 'TCP4' : 'TCP6';
  return `PROXY ${family} ${host(source)} ${host(destination)} ${source.port} ${destination.port}\r\n`;
}

function addressBlock(source: TCPAddr, destination: TCPAddr): { family: number; bytes: number[] } {
  const both4 = isIPv4(source.host) && isIPv4(destination.host);
  const bytes = both4 ? ipv4Bytes : ipv6Bytes;
  const ports = [source.port, destination.port].flatMap((port) => [port >> 8, port & 0xff]);
  return {
    family: both4 ? 0x11 : 0x21,
    bytes: [...bytes(source.host), ...bytes(destination.host), ...ports],
  };
}

/**
 * The bytes of a header: what a proxy writes to a server before anything else, so that the server knows the client.
 * PROXY protocol, versions 1 and 2. Where one of the addresses is null, the header says that they are unknown; where
 * one is IPv4 and the other IPv6, both go as IPv6. Version 1 has no extensions: `tlvs` are left out.
 *
 * @throws ArgumentRangeError when the header would be longer than 536 bytes, or an address is none
 *
 * @example
 * ```ts
 * import { dial, encodeProxyHeader, listen, TCPAddr } from 'gopark/net';
 *
 * const listener = await listen('tcp', ':9000');
 * await listener.serve(async (client) => {
 *   await using server = await dial('tcp', '10.0.0.2:9000');
 *   const { remoteAddr: source, localAddr: destination } = client;
 *   await server.write(encodeProxyHeader({ version: 2, proxied: true, source, destination, tlvs: [] }));
 * });
 * ```
 */
export function encodeProxyHeader(header: ProxyHeader): Uint8Array {
  const { version, proxied, source, destination, tlvs } = header;
  if (source !== null) checkAddr('source', source);
  if (destination !== null) checkAddr('destination', destination);
  const known = proxied && source !== null && destination !== null;
  if (version === 1) return Buffer.from(known ? line(source, destination) : line(null, null), 'latin1');
  if (version !== 2) throw new ArgumentRangeError('version', '1 or 2', version);
  const { family, bytes } = known ? addressBlock(source, destination) : { family: 0, bytes: [] };
  const parts = [...bytes];
  for (const { type, value } of known ? tlvs : []) {
    parts.push(type, value.length >> 8, value.length & 0xff, ...value);
    if (FIXED + parts.length > LONGEST) {
      throw new ArgumentRangeError('tlvs', `a header of at most ${LONGEST} bytes`, FIXED + parts.length);
    }
  }
  return Uint8Array.from([
    ...SIGNATURE,
    proxied ? 0x21 : 0x20,
    family,
    parts.length >> 8,
    parts.length & 0xff,
    ...parts,
  ]);
}
