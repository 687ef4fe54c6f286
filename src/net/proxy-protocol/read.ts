import { BlockList, isIP, isIPv6 } from 'node:net';
import { ArgumentRangeError, ArgumentTypeError } from '../../io/index.ts';
import { type Addr, TCPAddr } from '../addr.ts';
import type { CallOptions, Conn } from '../conn.ts';
import { checkObject } from '../options.ts';
import {
  FIXED,
  headerLength,
  LONGEST,
  LONGEST_LINE,
  type ProxyHeader,
  ProxyProtocolError,
  parseHeader,
  parseLine,
  SIGNATURE,
} from './header.ts';

/**
 * Options of `readProxyHeader`.
 *
 * @example
 * ```ts
 * import { listen, type ProxyHeaderOptions, readProxyHeader } from 'gopark/net';
 *
 * const options: ProxyHeaderOptions = { trustedProxies: ['10.0.0.0/8', 'fd00::/8'], timeout: 1000 };
 * const listener = await listen('tcp', ':9000');
 * await listener.serve(async (conn) => {
 *   await readProxyHeader(conn, options);
 * });
 * ```
 */
export interface ProxyHeaderOptions extends CallOptions {
  /**
   * Whose word counts: addresses, or networks like '10.0.0.0/8' and 'fd00::/8'. Whoever else connects could claim any
   * address, so its connection is closed.
   */
  trustedProxies: readonly string[];
  /** How long the header may take, in milliseconds. Default 5000. */
  timeout?: number;
}

const HEADER_TIMEOUT = 5000;
const NEWLINE = 10;

const lists = new WeakMap<readonly string[], BlockList>();

/** The networks, made once for each list. */
function trustedList(networks: readonly string[]): BlockList {
  if (!Array.isArray(networks)) {
    throw new ArgumentTypeError('trustedProxies', 'an array of addresses and networks', networks);
  }
  let list = lists.get(networks);
  if (list === undefined) {
    list = new BlockList();
    for (const network of networks) {
      const [address = '', bits, ...rest] = String(network).split('/');
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      const most = family === 'ipv6' ? 128 : 32;
      const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
      if (isIP(address) === 0 || length < 0 || length > most || rest.length > 0) {
        throw new ArgumentRangeError('trustedProxies', 'addresses or networks like 10.0.0.0/8', network);
      }
      list.addSubnet(address, length, family);
    }
    lists.set(networks, list);
  }
  return list;
}

async function fill(conn: Conn, p: Uint8Array, options: CallOptions): Promise<void> {
  for (let at = 0; at < p.length; ) {
    const n = await conn.read(p.subarray(at), options);
    if (n === null) throw new ProxyProtocolError('the connection ended before the header');
    at += n;
  }
}

/** Reads a header and not one byte more: what follows is the client's. */
async function readHeader(conn: Conn, options: CallOptions): Promise<ProxyHeader> {
  const header = new Uint8Array(LONGEST);
  // Shorter than this no header is.
  await fill(conn, header.subarray(0, SIGNATURE.length), options);
  if (SIGNATURE.every((byte, i) => header[i] === byte)) {
    await fill(conn, header.subarray(SIGNATURE.length, FIXED), options);
    const length = headerLength(header);
    if (length > FIXED) await fill(conn, header.subarray(FIXED, length), options);
    return parseHeader(header.subarray(0, length));
  }
  const text = (end: number) => String.fromCharCode(...header.subarray(0, end));
  if (!text(SIGNATURE.length).startsWith('PROXY ')) throw new ProxyProtocolError('there is no header');
  for (let end = SIGNATURE.length; end < LONGEST_LINE; end++) {
    await fill(conn, header.subarray(end, end + 1), options);
    if (header[end] !== NEWLINE) continue;
    if (header[end - 1] !== 13) throw new ProxyProtocolError('the line ends without a carriage return');
    return parseLine(text(end - 1));
  }
  throw new ProxyProtocolError(`the line is longer than ${LONGEST_LINE} bytes`);
}

/**
 * Reads the header with which a proxy (HAProxy, a load balancer of a cloud) says whose connection it passes on:
 * PROXY protocol, versions 1 and 2. To be called before anything else is read. From then on `conn.remoteAddr` and
 * `conn.localAddr` are those of the client's connection, where the header names them; the connection's read deadline
 * is none.
 *
 * A connection that does not come from `trustedProxies`, or does not begin with a whole and valid header of at most
 * 536 bytes within `timeout`, is closed.
 *
 * @throws ProxyProtocolError, with the read's own error as its `cause` where one was the reason, or the signal's
 * reason: as rejections. ArgumentRangeError or ArgumentTypeError for the options: nothing is closed then.
 *
 * @example
 * ```ts
 * import { listen, readProxyHeader } from 'gopark/net';
 *
 * const trustedProxies = ['10.0.0.0/8', 'fd00::/8'];
 * const listener = await listen('tcp', ':9000');
 * await listener.serve(async (conn) => {
 *   const { proxied } = await readProxyHeader(conn, { trustedProxies });
 *   if (proxied) console.log('client', String(conn.remoteAddr));
 * });
 * ```
 */
export async function readProxyHeader(conn: Conn, options: ProxyHeaderOptions): Promise<ProxyHeader> {
  checkObject(conn, 'conn', 'a connection');
  checkObject(options, 'options');
  const { trustedProxies, timeout = HEADER_TIMEOUT, signal } = options;
  const trusted = trustedList(trustedProxies);
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
    throw new ArgumentRangeError('timeout', 'milliseconds', timeout);
  }
  try {
    const peer = conn.remoteAddr;
    if (!(peer instanceof TCPAddr) || !trusted.check(peer.host, isIPv6(peer.host) ? 'ipv6' : 'ipv4')) {
      throw new ProxyProtocolError(`${peer} is no trusted proxy`);
    }
    conn.setReadTimeout(timeout);
    const header = await readHeader(conn, signal === undefined ? {} : { signal });
    conn.setReadTimeout(null);
    if (header.source !== null) takeAddress(conn, 'remoteAddr', header.source);
    if (header.destination !== null) takeAddress(conn, 'localAddr', header.destination);
    return header;
  } catch (error) {
    conn.closeNow();
    if (error instanceof ProxyProtocolError || signal?.aborted) throw error;
    throw new ProxyProtocolError('the header could not be read', { cause: error });
  }
}

/** On this one object: a getter of its class gives the real one. */
function takeAddress(conn: Conn, which: 'localAddr' | 'remoteAddr', value: Addr): void {
  Object.defineProperty(conn, which, { value, configurable: true, enumerable: false, writable: false });
}
