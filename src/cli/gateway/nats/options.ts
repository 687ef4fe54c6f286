import { parseCount, UsageError } from '../usage.ts';

/** How several gateways make one market. */
export interface NatsOptions {
  /** 'nats://[user:password@]host[:port]', or 'tls://...'; several, with commas between, are one cluster. */
  readonly servers: string;
  /** Of JetStream: its name, and what subjects begin with. Gateways with the same one are one market. */
  readonly stream: string;
  /** So many of the last ticks are kept in memory for those who come back. */
  readonly history: number;
}

const text = { type: 'string' } as const;

/** For parseArgs. */
export const natsArguments = { nats: text, 'nats-stream': text, 'nats-history': text } as const;

export const defaultStream = 'GOPARK_TICKS';
export const defaultHistory = 10_000;
const MOST_HISTORY = 1_000_000;

export function natsOptions(values: Record<string, unknown>): NatsOptions | null {
  const given = (name: keyof typeof natsArguments) => values[name] as string | undefined;
  const servers = given('nats');
  if (servers === undefined) {
    for (const name of ['nats-stream', 'nats-history'] as const) {
      if (given(name) !== undefined) throw new UsageError(`--${name} is about NATS: where is --nats?`);
    }
    return null;
  }
  for (const server of servers.split(',')) {
    const protocol = URL.canParse(server) ? new URL(server).protocol : '';
    if (protocol !== 'nats:' && protocol !== 'tls:') {
      // It may hold a password.
      throw new UsageError(
        '--nats: expected nats://host:port or tls://host:port, several with commas between',
      );
    }
  }
  const stream = given('nats-stream') ?? defaultStream;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(stream)) {
    throw new UsageError(`--nats-stream: expected letters, digits, _ and -, got ${JSON.stringify(stream)}`);
  }
  const history = given('nats-history');
  const kept = history === undefined ? defaultHistory : parseCount('nats-history', history);
  if (kept > MOST_HISTORY) throw new UsageError(`--nats-history: at most ${MOST_HISTORY}, got ${kept}`);
  return { servers, stream, history: kept };
}

export const natsUsage = `  --nats nats://host:port   share the market with other gateways, through JetStream
  --nats-stream name        the market's name                        (${defaultStream})
  --nats-history n          ticks kept for those who come back       (${defaultHistory})`;
