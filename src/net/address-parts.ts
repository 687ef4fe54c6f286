import { type Addr, TCPAddr } from './addr.ts';
import { UnixAddr } from './unix-addr.ts';

/** An address as it travels between threads. */
export type AddressParts = { readonly host: string; readonly port: number } | { readonly path: string };

export function partsOf(addr: Addr): AddressParts {
  if (!(addr instanceof TCPAddr)) return { path: String(addr) };
  return { host: addr.zone === '' ? addr.host : `${addr.host}%${addr.zone}`, port: addr.port };
}

export function tcpAddr(parts: AddressParts): TCPAddr {
  return 'host' in parts ? new TCPAddr(parts.host, parts.port) : new TCPAddr('0.0.0.0', 0);
}

export function unixAddr(parts: AddressParts, network: string): UnixAddr {
  return new UnixAddr('path' in parts ? parts.path : '', network);
}
