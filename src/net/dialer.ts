import { isIP, isIPv6 } from 'node:net';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import { threadPoller } from '../poll/index.ts';
import { now } from '../runtime/clock.ts';
import { abortReason } from '../runtime/failures.ts';
import { checkSignal, onAbort } from '../runtime/signal.ts';
import { type Timer, timers } from '../runtime/timers.ts';
import { type Addr, TCPAddr } from './addr.ts';
import type { CallOptions } from './conn.ts';
import { type ConnectPlan, connect, type Endpoint } from './connect.ts';
import { dialNumeric } from './dial-numeric.ts';
import { AddrError, DeadlineExceededError, DialError, listed, OpError } from './errors.ts';
import { parsePort, splitHostPort } from './host-port.ts';
import { checkNetwork, type TCPNetwork } from './listen.ts';
import { defaultResolver } from './lookup.ts';
import { type ConnSettings, checkObject, checkTCPOptions, connSettings, type TCPOptions } from './options.ts';
import { type Contest, Race, type Try } from './race.ts';
import { Resolver } from './resolver.ts';
import { portOf } from './services.ts';
import type { TCPConn } from './tcp-conn.ts';

/**
 * Options of a Dialer.
 *
 * @example
 * ```ts
 * import { Dialer, type DialerOptions } from 'gopark/net';
 *
 * const options: DialerOptions = { timeout: 3000, fallbackDelay: 100, resolver: 'c-ares' };
 * await using conn = await new Dialer(options).dial('tcp', 'example.com:https');
 * ```
 */
export interface DialerOptions extends TCPOptions {
  /** How long a whole dial may take, in milliseconds, name lookup included. Default: as long as the system tries. */
  timeout?: number;
  /**
   * Where to dial from: 'host:port' with a numeric host; port 0 lets the system choose. Only addresses of its family
   * are tried then.
   */
  localAddress?: string;
  /**
   * How long one address of a host has before the next one is tried beside it, in milliseconds: at least 10.
   * Infinity: one after the other. Default 250.
   */
  fallbackDelay?: number;
  /** Who looks names up: a Resolver, or the kind of one. Default: the system's. */
  resolver?: Resolver | 'system' | 'c-ares';
  /** Multipath TCP, where the kernel and the other end have it; plain TCP otherwise. Default false. */
  multipath?: boolean;
}

/** RFC 8305's Connection Attempt Delay, and the least that it allows. */
const FALLBACK_DELAY = 250;
const LEAST_DELAY = 10;

const FAMILIES = { tcp: 0, tcp4: 4, tcp6: 6 } as const;
const familyOf = (address: string): 4 | 6 => (isIPv6(address) ? 6 : 4);

let caresResolver: Resolver | null = null;

/** @internal */
export function resolverOf(resolver: DialerOptions['resolver']): Resolver {
  if (resolver === undefined || resolver === 'system') return defaultResolver;
  if (resolver === 'c-ares') {
    caresResolver ??= new Resolver({ kind: 'c-ares' });
    return caresResolver;
  }
  if (resolver instanceof Resolver) return resolver;
  throw new ArgumentTypeError('resolver', "a Resolver, 'system' or 'c-ares'", resolver);
}

function localEnd(address: string | undefined): Endpoint | null {
  if (address === undefined) return null;
  const { host, port } = splitHostPort(address);
  if (isIP(host.replace(/%.*/, '')) === 0) throw new AddrError('the local address must be numeric', address);
  return { host, port: parsePort(port, address) };
}

/** Whether `host` is an address, and the one to dial. What is wrong with another one is the long way's to say. */
function isSuitable(host: string, network: TCPNetwork, local: Endpoint | null): boolean {
  const family = isIP(host);
  if (family === 0) return false;
  const wanted = FAMILIES[network];
  return (wanted === 0 || wanted === family) && (local === null || familyOf(local.host) === family);
}

/** The host that a dial to an empty or unspecified one means: this machine. */
function systemHost(network: TCPNetwork, host: string): string {
  if (host === '' || host === '0.0.0.0') return network === 'tcp6' ? '::1' : '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** RFC 8305's order: the families take turns, beginning with the one that was not tried last. */
export function interleave(waiting: readonly string[], last: string | undefined): string[] {
  if (waiting.length === 0) return [];
  const first = last === undefined ? familyOf(waiting[0]!) : familyOf(last) === 6 ? 4 : 6;
  const queues = [
    waiting.filter((address) => familyOf(address) === first),
    waiting.filter((address) => familyOf(address) !== first),
  ];
  const longest = Math.max(queues[0]!.length, queues[1]!.length);
  return Array.from({ length: longest }, (_, i) => queues.flatMap((queue) => queue.slice(i, i + 1))).flat();
}

/**
 * Dials. Go: `net.Dialer`. One dialer serves any number of dials at a time.
 *
 * The addresses of a host race as RFC 8305 (Happy Eyeballs) wants it: the families take turns, each try has
 * `fallbackDelay` before the next one begins beside it, a failed one lets the next one begin at once, and no try is
 * given up before another has won.
 *
 * @example
 * ```ts
 * import { Dialer } from 'gopark/net';
 *
 * const dialer = new Dialer({ timeout: 3000, fallbackDelay: 100, resolver: 'c-ares' });
 * const conn = await dialer.dial('tcp', 'localhost:9000');
 * await conn.close();
 * ```
 */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #settings: ConnSettings;
  readonly #local: Endpoint | null;
  readonly #delay: number;
  readonly #resolver: Resolver;
  readonly #timeout: number;
  /** Whether it has options that not every driver has. */
  readonly #special: boolean;

  /** @throws ArgumentRangeError, ArgumentTypeError, or AddrError for the local address. */
  constructor(options: DialerOptions = {}) {
    checkObject(options, 'options');
    const { timeout = Number.POSITIVE_INFINITY, fallbackDelay = FALLBACK_DELAY } = options;
    if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
      throw new ArgumentRangeError('timeout', 'milliseconds', timeout);
    }
    if (typeof fallbackDelay !== 'number' || !(fallbackDelay >= LEAST_DELAY)) {
      throw new ArgumentRangeError('fallbackDelay', `milliseconds of at least ${LEAST_DELAY}`, fallbackDelay);
    }
    this.#options = { ...options };
    this.#settings = connSettings(options);
    this.#local = localEnd(options.localAddress);
    this.#delay = fallbackDelay;
    this.#resolver = resolverOf(options.resolver);
    this.#timeout = timeout;
    const { dscp, userTimeout, multipath } = options;
    this.#special = dscp !== undefined || userTimeout !== undefined || multipath === true;
  }

  /**
   * Connects to `address`, 'host:port'; a port may be the name of a service. See `dial`.
   *
   * @throws DialError when several addresses were tried and all failed, OpError (`ECONNREFUSED`...) when it was one,
   * DeadlineExceededError, DNSError, AddrError, or the signal's reason: as rejections.
   */
  async dial(network: TCPNetwork, address: string, options: CallOptions = {}): Promise<TCPConn> {
    checkNetwork('dial', network);
    checkObject(options, 'options');
    const { signal } = options;
    const { host, port: service } = splitHostPort(address);
    const to = { network, host: systemHost(network, host), port: portOf(network, service, address), address };
    if (signal?.aborted) throw abortReason(signal);
    const poller = threadPoller();
    if (this.#special) checkTCPOptions(poller, this.#options);
    const plan = {
      network,
      poller,
      settings: this.#settings,
      options: this.#options,
      local: this.#local,
    };
    if (isSuitable(to.host, network, this.#local)) return dialNumeric(plan, to, this.#timeout, signal);
    return new Dialling(to, this.#resolver, this.#delay, plan).run(this.#timeout, signal);
  }
}

interface Destination {
  readonly network: TCPNetwork;
  readonly host: string;
  readonly port: number;
  readonly address: string;
}

/** One dial: the lookup, the race over what it finds, and the limits of both. */
class Dialling implements Timer, Contest<string, TCPConn> {
  when = 0;
  index = -1;
  readonly holds = true;
  readonly #to: Destination;
  readonly #plan: ConnectPlan;
  readonly #resolver: Resolver;
  readonly #race: Race<string, TCPConn>;
  /** Whether the local address has ruled out all that was found. */
  #unsuitable = false;
  #looking = true;

  constructor(to: Destination, resolver: Resolver, delay: number, plan: ConnectPlan) {
    this.#to = to;
    this.#plan = plan;
    this.#resolver = resolver;
    this.#race = new Race(this, delay);
  }

  async run(timeout: number, signal: AbortSignal | undefined): Promise<TCPConn> {
    if (timeout <= 0) throw this.#late();
    if (signal !== undefined) checkSignal(signal);
    const race = this.#race;
    const aborted = () => race.stop(abortReason(signal!));
    if (timeout !== Number.POSITIVE_INFINITY) timers.set(this, now() + timeout);
    // Not AbortSignal.any: a signal that outlives many dials would remember each of them.
    if (signal !== undefined) onAbort(signal, aborted);
    try {
      const { host, network } = this.#to;
      this.#resolver
        .findAddresses(host, FAMILIES[network], race.signal, (found) => this.#add(found))
        .then(
          () => this.#found(this.#unsuitable ? this.#noSuitable() : null),
          (error) => this.#found(error),
        );
      return await race.result;
    } finally {
      timers.delete(this);
      signal?.removeEventListener('abort', aborted);
    }
  }

  /** The whole dial has had its time. */
  fire(): void {
    this.#race.stop(this.#late());
  }

  #add(found: readonly string[]): void {
    const { local } = this.#plan;
    const suitable = local === null ? found : found.filter((host) => familyOf(host) === familyOf(local.host));
    this.#unsuitable ||= suitable.length < found.length;
    this.#race.add(suitable, (waiting) => interleave(waiting, this.#race.tries.at(-1)?.what));
  }

  #found(error: unknown): void {
    this.#looking = false;
    this.#race.complete(error);
  }

  begin(host: string, signal: AbortSignal): Promise<TCPConn> {
    return connect(this.#plan, { host, port: this.#to.port }, signal);
  }

  discard(conn: TCPConn): void {
    conn.closeNow();
  }

  failed(tries: readonly Try<string>[]): unknown {
    const errors = tries.map(({ error }) => error);
    const strange = errors.find((error) => !(error instanceof OpError));
    if (strange !== undefined || errors.length === 1) return strange ?? errors[0];
    return new DialError(errors as OpError[], this.#details());
  }

  #details(): { op: string; net: string; addr: Addr } {
    const { network, address } = this.#to;
    return { op: 'dial', net: network, addr: { network: 'tcp', toString: () => address } };
  }

  #late(): DeadlineExceededError {
    const { tries } = this.#race;
    const { host, port } = this.#to;
    const only = isIP(host) !== 0 ? host : !this.#looking && tries.length === 1 ? tries[0]!.what : null;
    if (only !== null && (tries[0]?.error ?? null) === null) {
      return new DeadlineExceededError({ ...this.#details(), addr: new TCPAddr(only, port) });
    }
    const failed = tries.map(({ error }) => error).filter((error) => error instanceof OpError);
    const silent = tries.filter(({ error }) => error === null).map(({ what }) => new TCPAddr(what, port));
    const parts = [
      ...(failed.length === 0 ? [] : [listed(failed)]),
      ...silent.map((addr) => `${addr} no answer`),
      ...(tries.length === 0 ? [`looking up ${JSON.stringify(host)}`] : []),
    ];
    return new DeadlineExceededError(
      failed.length === 0 ? this.#details() : { ...this.#details(), cause: failed[0] },
      `i/o timeout (${parts.join(', ')})`,
    );
  }

  #noSuitable(): OpError {
    const local = this.#plan.local!;
    return new OpError('ERR_ADDRESS', 'no address of the family of the local address', {
      ...this.#details(),
      source: new TCPAddr(local.host, local.port),
    });
  }
}
