import type { ParseArgsConfig } from 'node:util';
import { UsageError } from '../gateway/usage.ts';
import { descriptorLimit } from '../lib/descriptor-limit.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../proxy/address.ts';
import type { Plan } from './load.ts';
import { payloadOf } from './payload.ts';
import { parseAmount, parseTime } from './quantities.ts';
import { parseReply, replyName } from './replies/index.ts';

/** A run as it was asked for. Times are milliseconds. */
export interface BenchOptions {
  readonly plan: Plan;
  readonly processes: number;
  readonly duration: number;
  readonly warmUp: number;
  /** Ends the window instead of `duration`. */
  readonly messages: number | null;
  /** The server's process, whose CPU time is to be shown. */
  readonly pid: number | null;
  readonly against: { readonly endpoint: Endpoint; readonly pid: number | null } | null;
  readonly rounds: number;
  readonly slice: number;
  /** Where to write the result. */
  readonly json: string | null;
  readonly quiet: boolean;
}

const DEFAULTS = {
  connections: 50,
  depth: 1,
  duration: 10_000,
  'warm-up': 1000,
  timeout: 5000,
  'dial-timeout': 5000,
  rounds: 10,
  slice: 500,
} as const;

/** Descriptors of a process beside its connections. */
const SPARE = 64;
const MOST_CONNECTIONS = 1_000_000;
const MOST_PROCESSES = 256;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

/** For parseArgs. */
export const benchArguments = {
  ...{ connections: text, depth: text, rate: text, poisson: flag, ramp: text },
  ...{ duration: text, 'warm-up': text, messages: text },
  ...{ size: text, text, hex: text, file: text, http: text, reply: text },
  ...{ timeout: text, 'dial-timeout': text, procs: text, json: text, quiet: flag },
  ...{ against: text, rounds: text, slice: text, pid: text, 'against-pid': text },
} as const satisfies NonNullable<ParseArgsConfig['options']>;

function parseTarget(given: string): Endpoint {
  try {
    return parseEndpoint('address', given);
  } catch {
    throw new UsageError(`bench: expected host:port or unix:/path, got ${JSON.stringify(given)}`);
  }
}

function httpRequest(path: string, { network, address }: Endpoint): string {
  if (!/^\/[^\s\\]*$/.test(path))
    throw new UsageError(`--http: expected a path like /, got ${JSON.stringify(path)}`);
  return `GET ${path} HTTP/1.1\\r\\nHost: ${network === 'unix' ? 'localhost' : address}\\r\\n\\r\\n`;
}

/** How many processes that needs, for one reason or another. */
function processesFor(connections: number, loads: number, asked: number | null): number {
  const most = descriptorLimit() - SPARE;
  if (most < 1) throw new UsageError('bench: a process may open too few descriptors (ulimit -n)');
  const needed = Math.ceil(connections / most);
  const processes = Math.max(needed, asked ?? 1);
  if (processes > Math.min(connections, MOST_PROCESSES)) {
    throw new UsageError(
      asked !== null && asked > connections
        ? `--procs: ${asked} processes cannot share ${connections} connections`
        : `bench: ${connections} connections need ${processes} processes, there are at most ${MOST_PROCESSES}: raise ulimit -n`,
    );
  }
  // One process could have the connections of one load, but not of two.
  return processes === 1 && loads * connections > most ? 2 : processes;
}

/** @throws UsageError */
export function benchOptions(values: Record<string, unknown>, positionals: readonly string[]): BenchOptions {
  const one = (name: keyof typeof benchArguments) => values[name] as string | undefined;
  const amount = (name: keyof typeof benchArguments) => {
    const given = one(name);
    return given === undefined ? null : parseAmount(name, given, name === 'size' ? 1024 : 1000);
  };
  const time = (name: 'duration' | 'warm-up' | 'timeout' | 'dial-timeout' | 'slice', least: 0 | 1) => {
    const given = one(name);
    return given === undefined ? null : parseTime(name, given, least);
  };
  const [address, ...more] = positionals;
  if (address === undefined)
    throw new UsageError('bench: which server? gopark bench host:port or unix:/path');
  if (more.length > 0) throw new UsageError(`bench: one address, what is ${JSON.stringify(more[0])}?`);
  const endpoint = parseTarget(address);
  const http = one('http');
  const payload = payloadOf({
    ...{ size: amount('size') ?? undefined, hex: one('hex'), file: one('file') },
    text: one('text') ?? (http === undefined ? undefined : httpRequest(http, endpoint)),
  });
  if (http !== undefined && ['size', 'hex', 'file', 'text'].some((name) => values[name] !== undefined)) {
    throw new UsageError('bench: --size, --text, --hex, --file, --http: one of them');
  }
  const reply = parseReply(one('reply') ?? (http === undefined ? 'echo' : 'http'));
  const connections = amount('connections') ?? DEFAULTS.connections;
  if (connections > MOST_CONNECTIONS) throw new UsageError(`--connections: at most ${MOST_CONNECTIONS}`);
  const rate = amount('rate');
  const messages = amount('messages');
  if (values.poisson === true && rate === null) throw new UsageError('--poisson: at which --rate?');
  if (messages !== null && one('duration') !== undefined) {
    throw new UsageError('bench: --duration or --messages, not both');
  }
  const against = one('against');
  if (against === undefined) {
    const useless = (['rounds', 'slice', 'against-pid'] as const).find((name) => one(name) !== undefined);
    if (useless !== undefined) throw new UsageError(`--${useless}: without --against there are no slices`);
  } else {
    const useless = (['duration', 'messages'] as const).find((name) => one(name) !== undefined);
    if (useless !== undefined)
      throw new UsageError(`--${useless}: with --against it is --rounds and --slice`);
  }
  return {
    plan: {
      endpoint,
      connections,
      firstConnection: 0,
      depth: amount('depth') ?? DEFAULTS.depth,
      payload,
      reply,
      rate,
      poisson: values.poisson === true,
      ramp: amount('ramp'),
      dialTimeout: time('dial-timeout', 1) ?? DEFAULTS['dial-timeout'],
      timeout: time('timeout', 1) ?? DEFAULTS.timeout,
    },
    processes: processesFor(connections, against === undefined ? 1 : 2, amount('procs')),
    duration: time('duration', 1) ?? DEFAULTS.duration,
    warmUp: time('warm-up', 0) ?? (messages === null ? DEFAULTS['warm-up'] : 0),
    messages,
    pid: amount('pid'),
    against:
      against === undefined
        ? null
        : { endpoint: parseEndpoint('against', against), pid: amount('against-pid') },
    rounds: amount('rounds') ?? DEFAULTS.rounds,
    slice: time('slice', 1) ?? DEFAULTS.slice,
    json: one('json') ?? null,
    quiet: values.quiet === true,
  };
}

/** One line that says what is done. */
export function described({ plan, processes }: BenchOptions): string {
  const { connections, depth, payload, reply, rate, poisson } = plan;
  const loop =
    rate === null
      ? 'closed loop'
      : `open loop, ${rate.toLocaleString('en')} msg/s${poisson ? ' at random' : ''}`;
  const pipelined = depth === 1 ? '' : ` x ${depth}`;
  const several = processes === 1 ? '' : `, ${processes} processes`;
  return `${formatEndpoint(plan.endpoint)}: ${loop}, ${connections} connections${pipelined}, ${payload.length} B, answers ${replyName(reply)}${several}`;
}

export const benchUsage = `gopark bench ADDRESS [options]    puts a server under load, and says how fast it answers
gopark bench compare A.json B.json    two results side by side

  ADDRESS is host:port or unix:/path. Times are like 500ms, 10s, 2m; k is 1000 (of bytes: 1024).

  --connections n     (${DEFAULTS.connections})
  --depth n           messages under way on each connection             (${DEFAULTS.depth})
  --rate n            messages a second over all connections, whatever becomes of them (open loop: latency counts
                      from when a message was due); without it each answer is followed by the next message
  --poisson           open loop: messages come at random instants, not evenly
  --ramp n            new connections a second     (as fast as they come about)
  --duration time     (10s)    --warm-up time  before it, not counted (1s)
  --messages n        instead of --duration: end when so many are answered or lost

  --size n            a message of n bytes         (64)
  --text TEXT         this one; \\r \\n \\t \\0 \\\\ \\xHH are understood
  --hex DIGITS        these bytes    --file FILE  the bytes of a file
  --http PATH         GET PATH, and --reply http
  --reply FORMAT      how answers look: echo, line, until:TEXT, bytes:N, http (Content-Length), resp (Redis)  (echo)

  --timeout time      a connection that is silent for so long while an answer is due is given up  (5s)
  --dial-timeout time (5s)
  --procs n           processes of the load        (1, or as many as descriptors ask for)
  --pid n             the server's process on this machine: its CPU time per message is shown
  --json FILE         write the result there       --quiet  no progress

  --against ADDRESS   load both in turns, in short slices, and compare; --rounds n (${DEFAULTS.rounds}), --slice time (500ms), --against-pid n

  Ctrl-C ends the run and shows what was found. The exit code is 0, 1 when something failed (or nothing was answered),
  2 for a bad command line, 130 after Ctrl-C.`;
