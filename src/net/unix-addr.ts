import { checkString } from '../io/arguments.ts';
import { D_ADDRESS, D_FAMILY, D_PORT, LONGEST_PATH, type RawAddress } from '../poll/index.ts';
import type { Addr } from './addr.ts';
import { AddrError } from './errors.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The address of a Unix socket: a path, '@name' for an abstract name of Linux ('\0name' is taken for it, too), ''
 * for a socket without a name.
 *
 * @example
 * ```ts
 * import { UnixAddr } from 'gopark/net';
 *
 * console.log(String(new UnixAddr('/run/service.sock', 'unix')));
 * ```
 */
export class UnixAddr implements Addr {
  /** 'unix', 'unixgram' or 'unixpacket'. */
  readonly network: string;
  readonly path: string;
  #raw: RawAddress | null = null;

  constructor(path: string, network: string) {
    checkString(path, 'the path');
    this.path = path.startsWith('\0') ? `@${path.slice(1)}` : path;
    this.network = network;
  }

  toString(): string {
    return this.path;
  }

  /**
   * The name as drivers take it.
   * @internal
   */
  get name(): string {
    checkedPath(this.path);
    if (this.path === '@') return '';
    return this.path.startsWith('@') ? `\0${this.path.slice(1)}` : this.path;
  }

  /** @internal */
  get raw(): RawAddress {
    this.#raw ??= rawPath(this.path);
    return this.#raw;
  }
}

/** The bytes of a path that can be one. */
function checkedPath(path: string): Uint8Array {
  const bytes = encoder.encode(path);
  if (bytes.length > LONGEST_PATH - (path.startsWith('@') ? 0 : 1)) {
    throw new AddrError('path too long for a Unix socket', path);
  }
  if (path.includes('\0')) throw new AddrError('a path has no zero byte in it', path);
  return bytes;
}

/** The path of a driver's name. */
export function pathOfName(name: string): string {
  return name.startsWith('\0') ? `@${name.slice(1)}` : name;
}

function rawPath(path: string): RawAddress {
  const bytes = checkedPath(path);
  if (path.startsWith('@')) bytes[0] = 0;
  const start = D_ADDRESS - D_FAMILY;
  const raw = new Int32Array(start + Math.ceil(bytes.length / 4));
  raw[0] = 1;
  raw[D_PORT - D_FAMILY] = path === '@' ? 0 : bytes.length;
  new Uint8Array(raw.buffer, 4 * start).set(bytes);
  return raw;
}

/** The path in the words of an address; '': none. */
export function pathOf(raw: RawAddress): string {
  const start = D_ADDRESS - D_FAMILY;
  if (raw[0] !== 1) return '';
  const bytes = new Uint8Array(raw.buffer, raw.byteOffset + 4 * start, raw[D_PORT - D_FAMILY]!);
  const abstract = bytes[0] === 0;
  return abstract ? `@${decoder.decode(bytes.subarray(1))}` : decoder.decode(bytes);
}
