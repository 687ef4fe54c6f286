import { checkString } from '../io/arguments.ts';
import { AddrError } from './errors.ts';

/**
 * 'host:port', with brackets around a host that contains a colon.
 *
 * @example
 * ```ts
 * import { joinHostPort } from 'gopark/net';
 *
 * joinHostPort('::1', 80); // '[::1]:80'
 * ```
 */
export function joinHostPort(host: string, port: number | string): string {
  checkString(host, 'host');
  if (typeof port !== 'number') checkString(port, 'port');
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Takes 'host:port', '[host]:port' or '[host%zone]:port' apart. The port is not looked at.
 *
 * @throws AddrError when the text is not of that form.
 *
 * @example
 * ```ts
 * import { splitHostPort } from 'gopark/net';
 *
 * splitHostPort('[::1]:80'); // { host: '::1', port: '80' }
 * ```
 */
export function splitHostPort(address: string): { host: string; port: string } {
  checkString(address, 'the address');
  const colon = address.lastIndexOf(':');
  if (colon < 0) throw new AddrError('missing port in address', address);
  let host: string;
  // Where a bracket may no longer open, and where none may close.
  let opened = 0;
  let closed = 0;
  if (address.startsWith('[')) {
    const end = address.indexOf(']');
    if (end < 0) throw new AddrError("missing ']' in address", address);
    if (end + 1 !== colon) {
      throw new AddrError(
        address[end + 1] === ':' ? 'too many colons in address' : 'missing port in address',
        address,
      );
    }
    host = address.slice(1, end);
    opened = 1;
    closed = end + 1;
  } else {
    host = address.slice(0, colon);
    if (host.includes(':')) throw new AddrError('too many colons in address', address);
  }
  if (address.indexOf('[', opened) >= 0) throw new AddrError("unexpected '[' in address", address);
  if (address.indexOf(']', closed) >= 0) throw new AddrError("unexpected ']' in address", address);
  return { host, port: address.slice(colon + 1) };
}

/** The number of a port as a user wrote it; '' is 0. */
export function parsePort(port: string, address: string): number {
  const number = port === '' ? 0 : /^\d{1,5}$/.test(port) ? Number(port) : -1;
  if (number < 0 || number > 65_535) throw new AddrError('invalid port', address);
  return number;
}
