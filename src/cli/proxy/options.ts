import { isIP, isIPv6 } from 'node:net';
import type { ParseArgsConfig } from 'node:util';
import { parseCount, UsageError } from '../gateway/usage.ts';
import { type Endpoint, parseEndpoint, parseListen } from './address.ts';
import { formatDuration, parseDuration } from './durations.ts';

/** An upstream as it was asked for. */
export interface Target {
  readonly endpoint: Endpoint;
  readonly weight: number;
}

/** What a proxy is told to do. Times are milliseconds. */
export interface ProxyOptions {
  /** Null: what the service manager has opened. */
  readonly listen: readonly (Endpoint | null)[];
  /** For whoever has no route; empty: nobody. */
  readonly to: readonly Target[];
  /** By the name in a TLS ClientHello, in lower case, or '*.' and a name. Empty: nobody is asked for it. */
  readonly routes: ReadonlyMap<string, readonly Target[]>;
  readonly helloTimeout: number;
  readonly dialTimeout: number;
  /** 0: never. */
  readonly idleTimeout: number;
  readonly drain: number;
  /** Of each listener; null: as many as descriptors allow. */
  readonly maxConnections: number | null;
  readonly failAfter: number;
  readonly retryAfter: number;
  /** Whose PROXY headers are read; null: none are. */
  readonly acceptProxyFrom: readonly string[] | null;
  readonly sendProxy: 1 | 2 | null;
  readonly admin: Endpoint | null;
  readonly log: string | null;
}

const DEFAULTS = {
  'hello-timeout': 5000,
  'dial-timeout': 5000,
  'idle-timeout': 600_000,
  drain: 30_000,
  'retry-after': 1000,
} as const;
const FAIL_AFTER = 3;

const text = { type: 'string' } as const;
const list = { type: 'string', multiple: true } as const;

/** For parseArgs. */
export const proxyArguments = {
  listen: list,
  to: list,
  route: list,
  'hello-timeout': text,
  'dial-timeout': text,
  'idle-timeout': text,
  drain: text,
  'max-connections': text,
  'fail-after': text,
  'retry-after': text,
  'accept-proxy-from': list,
  'send-proxy': text,
  admin: text,
  log: text,
} as const satisfies NonNullable<ParseArgsConfig['options']>;

function parseTarget(option: string, given: string): Target {
  const [, address = '', weight] = /^(.*?)(?:,weight=(.*))?$/s.exec(given)!;
  return {
    endpoint: parseEndpoint(option, address),
    weight: weight === undefined ? 1 : parseCount(`${option} ${address},weight`, weight),
  };
}

function parseRoutes(given: readonly string[]): Map<string, Target[]> {
  const routes = new Map<string, Target[]>();
  for (const route of given) {
    const equals = route.indexOf('=');
    const name = route.slice(0, Math.max(0, equals)).toLowerCase();
    if (!/^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name)) {
      throw new UsageError(
        `--route: expected name=host:port or *.name=host:port, got ${JSON.stringify(route)}`,
      );
    }
    const targets = routes.get(name) ?? [];
    routes.set(name, [...targets, parseTarget('route', route.slice(equals + 1))]);
  }
  return routes;
}

function parseNetworks(given: readonly string[]): string[] {
  const networks = given.flatMap((one) => one.split(','));
  for (const network of networks) {
    const [address = '', bits, ...rest] = network.split('/');
    const most = isIPv6(address) ? 128 : 32;
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
    if (isIP(address) === 0 || !fits || rest.length > 0) {
      throw new UsageError(
        `--accept-proxy-from: expected an address or a network like 10.0.0.0/8, got ${JSON.stringify(network)}`,
      );
    }
  }
  return networks;
}

/** @throws UsageError */
export function proxyOptions(values: Record<string, unknown>): ProxyOptions {
  const one = (name: keyof typeof proxyArguments) => values[name] as string | undefined;
  const all = (name: keyof typeof proxyArguments) => (values[name] ?? []) as string[];
  const duration = (name: keyof typeof DEFAULTS, least: 0 | 1) => {
    const given = one(name);
    return given === undefined ? DEFAULTS[name] : parseDuration(name, given, least);
  };
  const count = (name: 'max-connections' | 'fail-after') => {
    const given = one(name);
    return given === undefined ? null : parseCount(name, given);
  };
  const listen = all('listen').map(parseListen);
  if (listen.length === 0) throw new UsageError('proxy: where to listen? --listen host:port or unix:/path');
  const to = all('to').map((given) => parseTarget('to', given));
  const routes = parseRoutes(all('route'));
  if (listen.filter((at) => at === null).length > 1) throw new UsageError('--listen systemd: once is enough');
  if (to.length === 0 && routes.size === 0) {
    throw new UsageError('proxy: where to connect to? --to host:port, or --route name=host:port');
  }
  const trusted = all('accept-proxy-from');
  const sendProxy = one('send-proxy');
  if (sendProxy !== undefined && sendProxy !== 'v1' && sendProxy !== 'v2') {
    throw new UsageError(`--send-proxy: expected v1 or v2, got ${JSON.stringify(sendProxy)}`);
  }
  const admin = one('admin');
  const log = one('log');
  if (log === '') throw new UsageError('--log: expected the path of a file');
  return {
    listen,
    to,
    routes,
    helloTimeout: duration('hello-timeout', 1),
    dialTimeout: duration('dial-timeout', 1),
    idleTimeout: duration('idle-timeout', 0),
    drain: duration('drain', 0),
    maxConnections: count('max-connections'),
    failAfter: count('fail-after') ?? FAIL_AFTER,
    retryAfter: duration('retry-after', 1),
    acceptProxyFrom: trusted.length === 0 ? null : parseNetworks(trusted),
    sendProxy: sendProxy === undefined ? null : sendProxy === 'v1' ? 1 : 2,
    admin: admin === undefined ? null : parseEndpoint('admin', admin),
    log: log ?? null,
  };
}

const byDefault = (name: keyof typeof DEFAULTS) => `(${formatDuration(DEFAULTS[name])})`;

export const proxyUsage = `gopark proxy --listen ADDR... --to ADDR...    passes connections on, TCP, Unix and TLS as it is

  ADDR is host:port or unix:/path. Times are like 500ms, 5s, 10m.

  --listen ADDR             where clients connect; may be given several times; systemd: its sockets
  --to ADDR[,weight=N]      an upstream; of several, the one with the fewest connections for its weight
  --route NAME=ADDR[,weight=N]  an upstream for clients that ask for NAME in TLS (SNI), or for *.NAME;
                            all others go to --to, and are turned away without one
  --hello-timeout time      for the beginning of TLS, where there are routes  ${byDefault('hello-timeout')}
  --dial-timeout time       for an upstream to answer, before the next one    ${byDefault('dial-timeout')}
  --idle-timeout time       without a byte either way; 0: for ever            ${byDefault('idle-timeout')}
  --drain time              for open connections after SIGTERM or SIGINT      ${byDefault('drain')}
  --max-connections n       of each --listen      (as many as descriptors allow)
  --fail-after n            dials failed in a row that mark an upstream down  (${FAIL_AFTER})
  --retry-after time        until it is probed at first; doubles up to a minute  ${byDefault('retry-after')}
  --accept-proxy-from net   clients are proxies that send a PROXY header, from 10.0.0.0/8 for instance only
  --send-proxy v1|v2        begin each connection to an upstream with a PROXY header
  --admin ADDR              answer HTTP requests there: / in JSON, /metrics for Prometheus
  --log file                a line of JSON for each connection that has ended

  SIGUSR2 prints what goes on, in JSON.`;
