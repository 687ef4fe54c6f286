import type { CallOptions } from './conn.ts';
import type { MX, SRV } from './records.ts';
import { type LookupOptions, Resolver } from './resolver.ts';

/** The resolver of those who name none: the system's. */
export const defaultResolver: Resolver = new Resolver();

/**
 * The addresses of a host, numeric, in the system's order; an address is its own. Never empty.
 *
 * @throws DNSError, or the signal's reason: as rejections.
 *
 * @example
 * ```ts
 * import { lookupHost } from 'gopark/net';
 *
 * console.log(await lookupHost('localhost', { family: 4 })); // [ '127.0.0.1' ]
 * ```
 */
export function lookupHost(host: string, options?: LookupOptions): Promise<string[]> {
  return defaultResolver.lookupHost(host, options);
}

/**
 * The names of an address: see `Resolver`.
 *
 * @example
 * ```ts
 * import { lookupAddr } from 'gopark/net';
 *
 * console.log(await lookupAddr('192.0.2.1'));
 * ```
 */
export function lookupAddr(address: string, options?: CallOptions): Promise<string[]> {
  return defaultResolver.lookupAddr(address, options);
}

/**
 * The port of a service: see `Resolver`.
 *
 * @example
 * ```ts
 * import { lookupPort } from 'gopark/net';
 *
 * console.log(await lookupPort('tcp', 'https')); // 443
 * ```
 */
export function lookupPort(...args: Parameters<Resolver['lookupPort']>): Promise<number> {
  return defaultResolver.lookupPort(...args);
}

/**
 * The name at the end of a chain of aliases: see `Resolver`.
 *
 * @example
 * ```ts
 * import { lookupCNAME } from 'gopark/net';
 *
 * console.log(await lookupCNAME('www.example.com'));
 * ```
 */
export function lookupCNAME(host: string, options?: CallOptions): Promise<string> {
  return defaultResolver.lookupCNAME(host, options);
}

/**
 * The mail exchangers of a domain: see `Resolver`.
 *
 * @example
 * ```ts
 * import { lookupMX } from 'gopark/net';
 *
 * for (const { host, preference } of await lookupMX('example.com')) console.log(preference, host);
 * ```
 */
export function lookupMX(name: string, options?: CallOptions): Promise<MX[]> {
  return defaultResolver.lookupMX(name, options);
}

/**
 * The name servers of a zone: see `Resolver`.
 *
 * @example
 * ```ts
 * import { lookupNS } from 'gopark/net';
 *
 * console.log(await lookupNS('example.com'));
 * ```
 */
export function lookupNS(name: string, options?: CallOptions): Promise<string[]> {
  return defaultResolver.lookupNS(name, options);
}

/**
 * The servers of a service: see `Resolver`.
 *
 * @example
 * ```ts
 * import { lookupSRV } from 'gopark/net';
 *
 * for (const { target, port } of await lookupSRV('xmpp-client', 'tcp', 'example.com')) console.log(target, port);
 * ```
 */
export function lookupSRV(
  service: string,
  proto: string,
  name: string,
  options?: CallOptions,
): Promise<SRV[]> {
  return defaultResolver.lookupSRV(service, proto, name, options);
}

/**
 * The texts of a name: see `Resolver`.
 *
 * @example
 * ```ts
 * import { lookupTXT } from 'gopark/net';
 *
 * console.log(await lookupTXT('example.com'));
 * ```
 */
export function lookupTXT(name: string, options?: CallOptions): Promise<string[]> {
  return defaultResolver.lookupTXT(name, options);
}
