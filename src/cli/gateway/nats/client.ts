import { IOError } from '../../../io/index.ts';

export type Core = typeof import('@nats-io/transport-node');
export type JetStream = typeof import('@nats-io/jetstream');
export type Connection = import('@nats-io/transport-node').NatsConnection;
export type JetStreamClient = import('@nats-io/jetstream').JetStreamClient;
export type JetStreamManager = import('@nats-io/jetstream').JetStreamManager;
export type ConsumerMessages = import('@nats-io/jetstream').ConsumerMessages;

/** NATS cannot be used: why is in the message. */
export class NatsError extends IOError {}

/** Between two attempts to reach a server, in milliseconds. */
const RECONNECT_WAIT = 250;
const CONNECT_TIMEOUT = 5000;
/** A server that does not answer for two of these is gone. */
const PING_INTERVAL = 10_000;

/** The client's packages: gopark itself depends on nothing, so they are there only where somebody wants them. */
export async function loadClient(): Promise<{ core: Core; jetstream: JetStream }> {
  try {
    const [core, jetstream] = await Promise.all([
      import('@nats-io/transport-node'),
      import('@nats-io/jetstream'),
    ]);
    return { core, jetstream };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new NatsError(
      'ERR_NO_NATS_CLIENT',
      '--nats needs the NATS client: npm install @nats-io/transport-node @nats-io/jetstream',
      { cause },
    );
  }
}

/** Connects, and stays connected whatever happens. Rejects when there is no server at the beginning. */
export async function connectTo(core: Core, servers: string): Promise<Connection> {
  const urls = servers.split(',').map((server) => new URL(server));
  const { username, password } = urls[0]!;
  try {
    return await core.connect({
      servers: urls.map(({ host }) => host),
      name: 'gopark gateway',
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT,
      timeout: CONNECT_TIMEOUT,
      pingInterval: PING_INTERVAL,
      ...(username === ''
        ? {}
        : password === ''
          ? { token: decodeURIComponent(username) }
          : login(username, password)),
      ...(urls.some(({ protocol }) => protocol === 'tls:') ? { tls: {} } : {}),
    });
  } catch (cause) {
    const where = urls.map(({ host }) => host).join(', ');
    throw new NatsError('ERR_NATS', `no NATS server at ${where}: ${(cause as Error).message}`, { cause });
  }
}

function login(user: string, pass: string): { user: string; pass: string } {
  return { user: decodeURIComponent(user), pass: decodeURIComponent(pass) };
}
