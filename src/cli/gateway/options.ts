import type { ParseArgsConfig } from 'node:util';
import { type JournalOptions, journalArguments, journalOptions, journalUsage } from './journal/options.ts';
import { type NatsOptions, natsArguments, natsOptions, natsUsage } from './nats/options.ts';
import { parseCount, UsageError } from './usage.ts';

export { parseCount, UsageError } from './usage.ts';

/** Limits and times of a gateway. Times are milliseconds. */
export interface GatewayOptions {
  /** Where to listen: 'host:port'. */
  address: string;
  maxConnections: number;
  maxPerAddress: number;
  /** How long a new connection may take for its first line. */
  firstLineTimeout: number;
  /** How long a connection may send nothing. */
  idleTimeout: number;
  /** How long a slow consumer may refuse bytes before it is dropped. */
  writeTimeout: number;
  /** The kernel's buffer for what a connection has not taken yet, in bytes. */
  sendBuffer: number;
  /** Lines that wait for a slow consumer before ticks are conflated. */
  queueLimit: number;
  /** Subscriptions of one connection. */
  maxSubscriptions: number;
  /** Distinct symbols of the whole market. */
  maxSymbols: number;
  /** ERR replies after which a connection is closed. */
  maxErrors: number;
  /** How long a shutdown waits for what is still to be sent. */
  drainTimeout: number;
  /** In how many threads connections are served; 1: in this one. */
  procs: number;
  /** Where orders are kept before they are acknowledged; null: nowhere. */
  journal: JournalOptions | null;
  /** The market that it shares with other gateways; null: it has its own. */
  nats: NatsOptions | null;
}

export const defaultOptions: GatewayOptions = {
  address: '127.0.0.1:9000',
  maxConnections: 10_000,
  maxPerAddress: 1000,
  firstLineTimeout: 10_000,
  idleTimeout: 120_000,
  writeTimeout: 5000,
  sendBuffer: 64 * 1024,
  queueLimit: 256,
  maxSubscriptions: 64,
  maxSymbols: 10_000,
  maxErrors: 16,
  drainTimeout: 5000,
  procs: 1,
  journal: null,
  nats: null,
};

const MOST_PROCS = 64;

/** The command line's name of each numeric option. */
const NAMES = {
  'max-connections': 'maxConnections',
  'max-per-address': 'maxPerAddress',
  'first-line-timeout': 'firstLineTimeout',
  'idle-timeout': 'idleTimeout',
  'write-timeout': 'writeTimeout',
  'send-buffer': 'sendBuffer',
  'queue-limit': 'queueLimit',
  'max-subscriptions': 'maxSubscriptions',
  'max-symbols': 'maxSymbols',
  'max-errors': 'maxErrors',
  'drain-timeout': 'drainTimeout',
  procs: 'procs',
} as const satisfies Record<string, keyof GatewayOptions>;

/** For parseArgs. */
export const gatewayArguments = {
  listen: { type: 'string' },
  ...journalArguments,
  ...natsArguments,
  ...(Object.fromEntries(Object.keys(NAMES).map((name) => [name, { type: 'string' }])) as {
    [name in keyof typeof NAMES]: { type: 'string' };
  }),
} as const satisfies NonNullable<ParseArgsConfig['options']>;

export function gatewayOptions(values: Record<string, unknown>): GatewayOptions {
  const options = { ...defaultOptions };
  if (typeof values.listen === 'string') options.address = values.listen;
  options.journal = journalOptions(values);
  options.nats = natsOptions(values);
  for (const [name, key] of Object.entries(NAMES)) {
    const text = values[name];
    if (typeof text === 'string') options[key] = parseCount(name, text);
  }
  if (options.procs > MOST_PROCS)
    throw new UsageError(`--procs: at most ${MOST_PROCS}, got ${options.procs}`);
  return options;
}

export const gatewayUsage = `gopark gateway [options]    a market-data and order gateway with a line protocol

  --listen host:port        where to listen                          (${defaultOptions.address})
  --max-connections n       connections in all                       (${defaultOptions.maxConnections})
  --max-per-address n       connections from one address             (${defaultOptions.maxPerAddress})
  --first-line-timeout ms   for a new connection's first line        (${defaultOptions.firstLineTimeout})
  --idle-timeout ms         for a connection that sends nothing      (${defaultOptions.idleTimeout})
  --write-timeout ms        for a consumer that takes nothing        (${defaultOptions.writeTimeout})
  --send-buffer bytes       of the kernel, for each connection       (${defaultOptions.sendBuffer})
  --queue-limit n           lines queued before ticks are conflated  (${defaultOptions.queueLimit})
  --max-subscriptions n     of one connection                        (${defaultOptions.maxSubscriptions})
  --max-symbols n           of the whole market                      (${defaultOptions.maxSymbols})
  --max-errors n            malformed lines before a connection ends (${defaultOptions.maxErrors})
  --drain-timeout ms        for the last bytes at shutdown           (${defaultOptions.drainTimeout})
  --procs n                 threads that serve connections           (${defaultOptions.procs})

${journalUsage}

${natsUsage}

  --demo                    put it under load from a second process, and end`;
