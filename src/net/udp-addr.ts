import { isIP } from 'node:net';
import {
  ADDRESS_SIZE,
  D_ADDRESS,
  D_FAMILY,
  D_PORT,
  D_SCOPE,
  D_SIZE,
  type DatagramBlock,
  formatIPv4,
  formatIPv6,
  parseIP,
  type RawAddress,
  scopeOf,
  zoneOf,
} from '../poll/index.ts';
import type { Addr } from './addr.ts';
import { AddrError } from './errors.ts';
import { joinHostPort, parsePort, splitHostPort } from './host-port.ts';

/** Words of an IP address among those of an entry. */
const USED = D_SCOPE + 1 - D_FAMILY;

/**
 * A UDP address: immutable, and cheap to keep and compare by identity for as long as a peer goes on sending. An IPv4
 * peer of a dual-stack socket shows as IPv4, as in Go.
 *
 * @example
 * ```ts
 * import { listenPacket, UDPAddr } from 'gopark/net';
 *
 * const conn = await listenPacket('udp', '127.0.0.1:0');
 * await conn.send(new TextEncoder().encode('hello'), new UDPAddr('127.0.0.1', 9999));
 * await conn.close();
 * ```
 */
export class UDPAddr implements Addr {
  readonly network = 'udp';
  readonly port: number;
  /** The words of an entry of datagrams, from the family on. */
  readonly #raw: RawAddress;
  #host: string | null = null;

  /**
   * @param host numeric, with a zone ('fe80::1%eth0') where it needs one
   * @throws AddrError for a host that is not numeric, a zone that this machine does not have, or a bad port.
   */
  constructor(host: string, port: number);
  /** @internal */
  constructor(raw: RawAddress);
  constructor(host: string | RawAddress, port = 0) {
    if (typeof host !== 'string') {
      this.#raw = host;
      this.port = host[D_PORT - D_FAMILY]!;
      return;
    }
    this.#raw = parse(host, port);
    this.port = port;
  }

  /** Numeric, without the zone. */
  get host(): string {
    if (this.#host === null) {
      const raw = this.#raw;
      const at = D_ADDRESS - D_FAMILY;
      this.#host = raw[0] === 4 ? formatIPv4(raw[at]!) : formatIPv6([...raw.subarray(at, at + 4)]);
    }
    return this.#host;
  }

  /** The zone of a link-local IPv6 address, or ''. */
  get zone(): string {
    return this.#raw[0] === 6 ? zoneOf(this.#raw[D_SCOPE - D_FAMILY]!) : '';
  }

  /** Whether it names all addresses of this machine. */
  get isWildcard(): boolean {
    const raw = this.#raw;
    for (let i = D_ADDRESS - D_FAMILY; i < D_SCOPE - D_FAMILY; i++) if (raw[i] !== 0) return false;
    return true;
  }

  /** Whether it is one of the addresses of groups. */
  get isMulticast(): boolean {
    const first = this.#raw[D_ADDRESS - D_FAMILY]! >>> 24;
    return this.#raw[0] === 4 ? first >>> 4 === 0xe : first === 0xff;
  }

  /** Whether both name the same end. */
  equals(other: UDPAddr): boolean {
    const raw = this.#raw;
    for (let i = 0; i < USED; i++) if (raw[i] !== other.#raw[i]) return false;
    return true;
  }

  /** What `dial` and `send` take. */
  toString(): string {
    const { zone } = this;
    return joinHostPort(zone === '' ? this.host : `${this.host}%${zone}`, this.port);
  }

  /** @internal */
  get raw(): RawAddress {
    return this.#raw;
  }

  /** @internal Whether it is the address of an entry that is at `at` in `words`. */
  isAt(words: Int32Array, at: number): boolean {
    const raw = this.#raw;
    if (
      raw[0] !== words[at + D_FAMILY] ||
      raw[1] !== words[at + D_PORT] ||
      raw[2] !== words[at + D_ADDRESS]
    ) {
      return false;
    }
    if (raw[0] === 4) return true;
    for (let i = 3; i < USED; i++) if (raw[i] !== words[at + D_FAMILY + i]) return false;
    return true;
  }
}

function parse(host: string, port: number): RawAddress {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new AddrError('invalid port', joinHostPort(host, port));
  }
  const percent = host.indexOf('%');
  const words = parseIP(percent < 0 ? host : host.slice(0, percent));
  if (words === null) throw new AddrError('the host must be numeric', joinHostPort(host, port));
  const raw = new Int32Array(USED);
  raw[0] = words.length === 1 ? 4 : 6;
  raw[1] = port;
  raw.set(words, D_ADDRESS - D_FAMILY);
  if (percent >= 0) {
    const scope = scopeOf(host.slice(percent + 1));
    if (scope === 0) throw new AddrError('no such zone', joinHostPort(host, port));
    if (words.length === 4) raw[D_SCOPE - D_FAMILY] = scope;
  }
  return raw;
}

/** 'host:port' with a numeric host. */
export function parseUDPAddr(address: string): UDPAddr {
  const { host, port } = splitHostPort(address);
  if (isIP(host.replace(/%.*/, '')) === 0) throw new AddrError('the host must be numeric', address);
  return new UDPAddr(host, parsePort(port, address));
}

/** Peers that this thread remembers. A power of two. */
const REMEMBERED = 1024;
const remembered: (UDPAddr | null)[] = new Array(REMEMBERED).fill(null);

/**
 * The address of entry `i`; null: none. Who sends again and again is the same object each time, as long as not too
 * many others send meanwhile: a datagram costs a comparison, not an object.
 */
export function udpAddrAt(block: DatagramBlock, i: number): UDPAddr | null {
  const { words } = block;
  const at = i * D_SIZE;
  const family = words[at + D_FAMILY]!;
  if (family !== 4 && family !== 6) return null;
  let hash = Math.imul(words[at + D_PORT]! ^ words[at + D_ADDRESS]!, 0x9e3779b1);
  if (family === 6) {
    for (let j = 1; j < 4; j++) hash = Math.imul(hash ^ words[at + D_ADDRESS + j]!, 0x9e3779b1);
  }
  const place = (hash >>> 16) & (REMEMBERED - 1);
  const known = remembered[place]!;
  if (known?.isAt(words, at)) return known;
  const addr = new UDPAddr(words.slice(at + D_FAMILY, at + D_FAMILY + USED));
  remembered[place] = addr;
  return addr;
}

/** The same of words that stand alone. */
export function udpAddrOf(raw: RawAddress): UDPAddr {
  return new UDPAddr(raw.length === ADDRESS_SIZE ? raw.slice(0, USED) : raw);
}
