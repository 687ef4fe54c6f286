import { isIP, isIPv6 } from 'node:net';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { askFamilies } from './address-queries.ts';
import type { CallOptions } from './conn.ts';
import { DNSQueries, NO_DATA } from './dns-query.ts';
import { AddrError, DNSError } from './errors.ts';
import { hostsFile } from './hosts-file.ts';
import { type MX, orderServers, type SRV } from './records.ts';
import { portOf } from './services.ts';
import { SystemLookup } from './system-lookup.ts';

/**
 * Options of a Resolver.
 *
 * @example
 * ```ts
 * import { dial, Resolver, type ResolverOptions } from 'gopark/net';
 *
 * const options: ResolverOptions = { kind: 'c-ares', servers: ['192.0.2.53'], timeout: 2000 };
 * await using conn = await dial('tcp', 'example.com:80', { resolver: new Resolver(options) });
 * ```
 */
export interface ResolverOptions {
  /**
   * Who finds the addresses and names of hosts. `'system'`, the default, is the system's resolver (getaddrinfo): it
   * knows the hosts file, mDNS and whatever else this machine is set up for, and it blocks a thread of Node's pool,
   * at most two at a time. `'c-ares'` asks DNS servers over the event loop, without threads: it knows the hosts file
   * and no search domains, so names must be complete.
   */
  kind?: 'system' | 'c-ares';
  /**
   * The DNS servers to ask: 'address' or 'address:port', IPv6 as '[address]:port'. Default: those of the system. The
   * system's resolver does not look at them; all other questions go to them.
   */
  servers?: readonly string[];
  /** How long the first try waits for a server, in milliseconds; later ones wait longer. Default 5000. */
  timeout?: number;
  /** How often each server is asked. Default 4. */
  tries?: number;
}

/**
 * Options of a lookup of addresses.
 *
 * @example
 * ```ts
 * import { type LookupOptions, lookupHost } from 'gopark/net';
 *
 * const options: LookupOptions = { signal: AbortSignal.timeout(1000) };
 * console.log(await lookupHost('example.com', options));
 * ```
 */
export interface LookupOptions extends CallOptions {
  /** 4 or 6 for addresses of that family only. Default 0: both. */
  family?: 0 | 4 | 6;
}

/** A chain of aliases longer than this one leads nowhere. */
const LONGEST_CHAIN = 16;
const familyOf = (address: string): 4 | 6 => (isIPv6(address) ? 6 : 4);

/** No resolver must see what cannot be a name: C would cut it off at a zero byte, and look up another one. */
function checkName(name: string): void {
  if (typeof name !== 'string') throw new ArgumentTypeError('the name', 'a string', name);
  if (name === '' || name.length > 254 || /[\p{Cc}\s/[\]:]/u.test(name)) {
    throw new DNSError(name, 'ENOTFOUND', undefined);
  }
}

/**
 * Finds addresses by names and back, and asks DNS servers. Go: `net.Resolver`.
 *
 * A caller whose signal fires is free at once. Callers who ask the same at the same time share one lookup, and one
 * of them leaving does not disturb the others. All methods reject with DNSError (`code` is the resolver's:
 * `ENOTFOUND`, `ENODATA`, `ETIMEOUT`...) or with the signal's reason.
 *
 * @example
 * ```ts
 * import { dial, Resolver } from 'gopark/net';
 *
 * const resolver = new Resolver({ kind: 'c-ares', servers: ['9.9.9.9'], timeout: 2000, tries: 2 });
 * console.log(await resolver.lookupHost('example.com'));
 * await dial('tcp', 'example.com:80', { resolver });
 * ```
 */
export class Resolver {
  readonly #cares: boolean;
  readonly #queries: DNSQueries;

  /** @throws ArgumentRangeError, or what `dns.setServers` of Node says of `servers`. */
  constructor(options: ResolverOptions = {}) {
    const { kind = 'system', servers, timeout = 5000, tries = 4 } = options;
    if (kind !== 'system' && kind !== 'c-ares') {
      throw new ArgumentRangeError('kind', "'system' or 'c-ares'", kind);
    }
    if (!Number.isInteger(timeout) || timeout < 1 || timeout > 2 ** 31 - 1) {
      throw new ArgumentRangeError('timeout', 'whole milliseconds of at least 1', timeout);
    }
    if (!Number.isInteger(tries) || tries < 1 || tries > 100) {
      throw new ArgumentRangeError('tries', 'a whole number from 1 to 100', tries);
    }
    this.#cares = kind === 'c-ares';
    this.#queries = new DNSQueries({ servers, timeout, tries });
  }

  /**
   * The addresses of a host, numeric; an address is its own. Never empty.
   *
   * The system's resolver gives them in its order; c-ares gives IPv6 first.
   */
  async lookupHost(host: string, options: LookupOptions = {}): Promise<string[]> {
    const { family = 0, signal } = options;
    const all: string[] = [];
    await this.findAddresses(host, family, signal, (some) => {
      // IPv6 may answer later, and comes first all the same.
      if (some.length > 0 && familyOf(some[0]!) === 6) all.unshift(...some);
      else all.push(...some);
    });
    return all;
  }

  /**
   * Finds addresses and hands them over as they come; resolves when there will be no more.
   *
   * @internal
   */
  async findAddresses(
    host: string,
    family: 0 | 4 | 6,
    signal: AbortSignal | undefined,
    found: (addresses: readonly string[]) => void,
  ): Promise<void> {
    if (family !== 0 && family !== 4 && family !== 6)
      throw new ArgumentRangeError('family', '0, 4 or 6', family);
    const fits = (address: string) => family === 0 || familyOf(address) === family;
    const numeric = isIP(host) === 0 ? null : [host];
    if (numeric === null) checkName(host);
    const known = numeric ?? (this.#cares ? this.#knownAddresses(host) : undefined);
    if (known !== undefined) {
      const suitable = known.filter(fits);
      if (suitable.length === 0) throw new AddrError(`no suitable address of IPv${family}`, host);
      found(suitable);
      return;
    }
    if (!this.#cares) {
      found(await systemLookup().addresses(host, family, signal));
      return;
    }
    await askFamilies(this.#queries, host, family, signal, found);
  }

  /** What needs no question: the hosts file, and the name of this machine to itself. */
  #knownAddresses(host: string): readonly string[] | undefined {
    const name = host.toLowerCase().replace(/\.$/, '');
    const known = hostsFile().addresses.get(name);
    if (known !== undefined) return known;
    return name === 'localhost' || name.endsWith('.localhost') ? ['127.0.0.1', '::1'] : undefined;
  }

  /**
   * The names of an address.
   *
   * @throws AddrError when `address` is none.
   */
  async lookupAddr(address: string, options: CallOptions = {}): Promise<string[]> {
    if (isIP(address) === 0) throw new AddrError('not an IP address', address);
    if (!this.#cares) return [...(await systemLookup().names(address, options.signal))];
    const known = hostsFile().names.get(address.toLowerCase());
    if (known !== undefined) return [...known];
    return this.#ask('PTR', address, options, (resolver, callback) => resolver.reverse(address, callback));
  }

  /**
   * The port of a service: 'http' is 80, '80' is itself. It looks into this machine's list of services.
   *
   * @param network 'tcp', 'udp' and these with 4 or 6
   * @throws AddrError for a service that is unknown and a number that is no port.
   */
  async lookupPort(
    network: 'tcp' | 'tcp4' | 'tcp6' | 'udp' | 'udp4' | 'udp6',
    service: string,
  ): Promise<number> {
    if (!/^(tcp|udp)[46]?$/.test(network)) throw new AddrError('unknown network', network);
    return portOf(network, service);
  }

  /** The name at the end of the chain of aliases; a name that is no alias is its own. */
  async lookupCNAME(host: string, options: CallOptions = {}): Promise<string> {
    let name = host;
    for (let i = 0; i < LONGEST_CHAIN; i++) {
      checkName(name);
      try {
        const current = name;
        const [next] = await this.#ask<string[]>('CNAME', current, options, (resolver, callback) =>
          resolver.resolveCname(current, callback),
        );
        if (next === undefined) return name;
        name = next;
      } catch (error) {
        if (error instanceof DNSError && error.code === NO_DATA) return name;
        throw error;
      }
    }
    throw new DNSError(host, 'ELOOP', undefined);
  }

  /** The mail exchangers of a domain, the preferred ones first. */
  async lookupMX(name: string, options: CallOptions = {}): Promise<MX[]> {
    const answer = await this.#ask<{ exchange: string; priority: number }[]>(
      'MX',
      name,
      options,
      (resolver, callback) => resolver.resolveMx(name, callback),
    );
    return answer
      .map(({ exchange, priority }) => ({ host: exchange, preference: priority }))
      .sort((a, b) => a.preference - b.preference);
  }

  /** The name servers of a zone. */
  lookupNS(name: string, options: CallOptions = {}): Promise<string[]> {
    return this.#ask('NS', name, options, (resolver, callback) => resolver.resolveNs(name, callback));
  }

  /** The texts of a name, each in one piece. */
  async lookupTXT(name: string, options: CallOptions = {}): Promise<string[]> {
    const answer = await this.#ask<string[][]>('TXT', name, options, (resolver, callback) =>
      resolver.resolveTxt(name, callback),
    );
    return answer.map((pieces) => pieces.join(''));
  }

  /**
   * The servers of a service, in the order in which to try them: by priority, and within one at random by weight.
   * Asks for `_service._proto.name`, or for `name` alone where the others are ''.
   */
  async lookupSRV(service: string, proto: string, name: string, options: CallOptions = {}): Promise<SRV[]> {
    const full = service === '' && proto === '' ? name : `_${service}._${proto}.${name}`;
    const answer = await this.#ask<{ name: string; port: number; priority: number; weight: number }[]>(
      'SRV',
      full,
      options,
      (resolver, callback) => resolver.resolveSrv(full, callback),
    );
    return orderServers(
      answer.map(({ name: target, port, priority, weight }) => ({ target, port, priority, weight })),
    );
  }

  async #ask<T extends unknown[]>(
    type: string,
    name: string,
    options: CallOptions,
    ask: Parameters<DNSQueries['ask']>[3],
  ): Promise<T> {
    if (type !== 'PTR') checkName(name);
    // A copy: others may have asked the same.
    return [...((await this.#queries.ask(type, name, options.signal, ask)) as T)] as T;
  }
}

let shared: SystemLookup | null = null;

/** One for the thread: all resolvers share its threads and its lookups under way. */
function systemLookup(): SystemLookup {
  shared ??= new SystemLookup();
  return shared;
}
