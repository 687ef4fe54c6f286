import { isIPv4, isIPv6 } from 'node:net';
import { IOError } from '../../io/index.ts';
import { TCPAddr } from '../addr.ts';
import { crc32c } from './crc32c.ts';

/**
 * What does not begin with a PROXY header as the protocol has it, or with one from somebody who is not trusted.
 *
 * @example
 * ```ts
 * import { listen, ProxyProtocolError, readProxyHeader } from 'gopark/net';
 *
 * const listener = await listen('tcp', ':9000');
 * await using conn = await listener.accept();
 * await readProxyHeader(conn, { trustedProxies: ['10.0.0.0/8'] }).catch((error) => {
 *   if (!(error instanceof ProxyProtocolError)) throw error;
 *   console.log(error.message);
 * });
 * ```
 */
export class ProxyProtocolError extends IOError {
  constructor(reason: string, options?: ErrorOptions) {
    super('ERR_PROXY_PROTOCOL', `PROXY protocol: ${reason}`, options);
  }
}

/**
 * An extension of a header of version 2: its type, and bytes that belong to the receiver.
 *
 * @example
 * ```ts
 * import { encodeProxyHeader, type ProxyTLV } from 'gopark/net';
 *
 * const name: ProxyTLV = { type: 0x02, value: new TextEncoder().encode('example.com') };
 * console.log(encodeProxyHeader({ version: 2, proxied: false, source: null, destination: null, tlvs: [name] }).length);
 * ```
 */
export interface ProxyTLV {
  readonly type: number;
  readonly value: Uint8Array;
}

/**
 * What a proxy said about the connection that it passes on.
 *
 * @example
 * ```ts
 * import { listen, type ProxyHeader, readProxyHeader } from 'gopark/net';
 *
 * const listener = await listen('tcp', ':9000');
 * await using conn = await listener.accept();
 * const header: ProxyHeader = await readProxyHeader(conn, { trustedProxies: ['10.0.0.0/8'] });
 * console.log(header.version, String(header.source), header.tlvs.length);
 * ```
 */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /** False: the proxy speaks for itself, as in a health check; there is no client behind it. */
  readonly proxied: boolean;
  /** The client's end; null where it is unknown or no TCP. */
  readonly source: TCPAddr | null;
  /** The end that the client dialled. */
  readonly destination: TCPAddr | null;
  readonly tlvs: readonly ProxyTLV[];
}

/** "\r\n\r\n\0\r\nQUIT\n" */
export const SIGNATURE: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);
/** Of version 2, in front of what has a length of its own. */
export const FIXED = 16;
/** What a receiver must be able to take in one piece; more we do not take. */
export const LONGEST = 536;
/** Of version 1, with the end of its line. */
export const LONGEST_LINE = 107;

const CRC32C = 0x03;
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

const UNKNOWN = { version: 1, proxied: true, source: null, destination: null, tlvs: [] } as const;

function portOf(text: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(text) || Number(text) > 65_535) {
    throw new ProxyProtocolError(`${JSON.stringify(text)} is no port`);
  }
  return Number(text);
}

/** Reads a line of version 1, without its end. @throws ProxyProtocolError */
export function parseLine(line: string): ProxyHeader {
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return UNKNOWN;
  const [proxy, family, source, destination, sourcePort, destinationPort, ...rest] = line.split(' ');
  if (proxy !== 'PROXY' || destinationPort === undefined || rest.length > 0) {
    throw new ProxyProtocolError('the line has another form');
  }
  const fits = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : null;
  if (fits === null) throw new ProxyProtocolError(`unknown family ${JSON.stringify(family)}`);
  for (const address of [source!, destination!]) {
    if (!fits(address) || address.includes('%'))
      throw new ProxyProtocolError(`${JSON.stringify(address)} is no address of ${family}`);
  }
  return {
    version: 1,
    proxied: true,
    source: new TCPAddr(source!, portOf(sourcePort!)),
    destination: new TCPAddr(destination!, portOf(destinationPort)),
    tlvs: [],
  };
}

function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  // IPv4 in IPv6's clothes.
  const mapped = bytes.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff));
  if (mapped) return bytes.subarray(12).join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16));
  // As the system writes it: the longest run of zeros left out.
  const runs = [...groups.join(':').matchAll(/(?<=^|:)0(?::0)+(?=:|$)/g)];
  const longest = runs.reduce<RegExpExecArray | null>(
    (best, run) => (best === null || run[0].length > best[0].length ? run : best),
    null,
  );
  if (longest === null) return groups.join(':');
  const text = groups.join(':');
  return `${text.slice(0, longest.index).replace(/:$/, '')}::${text
    .slice(longest.index + longest[0].length)
    .replace(/^:/, '')}`;
}

function parseTLVs(header: Uint8Array, from: number): ProxyTLV[] {
  const tlvs: ProxyTLV[] = [];
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  for (let at = from; at < header.length; ) {
    const end = at + 3 > header.length ? Number.POSITIVE_INFINITY : at + 3 + view.getUint16(at + 1);
    if (end > header.length) throw new ProxyProtocolError('an extension is longer than the header');
    const type = header[at]!;
    if (type === CRC32C) {
      if (end !== at + 7) throw new ProxyProtocolError('a checksum has four bytes');
      const copy = header.slice();
      copy.fill(0, at + 3, end);
      if (crc32c(copy) !== view.getUint32(at + 3)) throw new ProxyProtocolError('the checksum is wrong');
    }
    tlvs.push({ type, value: header.slice(at + 3, end) });
    at = end;
  }
  return tlvs;
}

/** How long a header of version 2 is, told by its first 16 bytes. @throws ProxyProtocolError */
export function headerLength(fixed: Uint8Array): number {
  if (fixed[12] !== LOCAL && fixed[12] !== PROXY) throw new ProxyProtocolError('unknown version or command');
  const length = FIXED + fixed[14]! * 256 + fixed[15]!;
  if (length > LONGEST) throw new ProxyProtocolError(`a header of ${length} bytes is too long`);
  return length;
}

/** Reads a whole header of version 2. @throws ProxyProtocolError */
export function parseHeader(header: Uint8Array): ProxyHeader {
  const local = header[12] === LOCAL;
  const family = header[13]!;
  const size = family === TCP4 ? 4 : family === TCP6 ? 16 : 0;
  const none = { version: 2, proxied: !local, source: null, destination: null, tlvs: [] } as const;
  // The proxy's own connection, or a family that is not ours: what follows must be passed over.
  if (local || size === 0) return none;
  const ports = FIXED + 2 * size;
  if (header.length < ports + 4) throw new ProxyProtocolError('the header is too short for its addresses');
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return {
    version: 2,
    proxied: true,
    source: new TCPAddr(addressOf(header.subarray(FIXED, FIXED + size)), view.getUint16(ports)),
    destination: new TCPAddr(addressOf(header.subarray(FIXED + size, ports)), view.getUint16(ports + 2)),
    tlvs: parseTLVs(header, ports + 4),
  };
}
