import { IOError } from '../../io/index.ts';
import {
  activated,
  type Dialer,
  dial,
  type Listener,
  limitListener,
  listen,
  type StreamConn,
  splitHostPort,
} from '../../net/index.ts';
import { UsageError } from '../gateway/usage.ts';

/** Where to listen or to connect, as `listen` and `dial` take it. */
export interface Endpoint {
  readonly network: 'tcp' | 'unix';
  readonly address: string;
}

const UNIX = 'unix:';

/** Reads 'host:port' or 'unix:/path' as somebody typed it behind `--option`. @throws UsageError */
export function parseEndpoint(option: string, text: string): Endpoint {
  if (text.startsWith(UNIX) && text.length > UNIX.length) {
    return { network: 'unix', address: text.slice(UNIX.length) };
  }
  try {
    const { port } = splitHostPort(text);
    // A number, or the name of a service.
    if (port !== '' && !(Number(port) > 65_535)) return { network: 'tcp', address: text };
  } catch {
    // Said below, in the words of the command line.
  }
  throw new UsageError(`--${option}: expected host:port or unix:/path, got ${JSON.stringify(text)}`);
}

/** The other way round. */
export function formatEndpoint({ network, address }: Endpoint): string {
  return network === 'unix' ? `${UNIX}${address}` : address;
}

export function dialEndpoint(to: Endpoint, dialer: Dialer, signal: AbortSignal): Promise<StreamConn> {
  if (to.network === 'unix') return dial('unix', to.address, { signal });
  return dialer.dial('tcp', to.address, { signal });
}

/** Reads where to listen: an endpoint, or 'systemd', which gives null: what the service manager has opened. */
export function parseListen(text: string): Endpoint | null {
  return text === 'systemd' ? null : parseEndpoint('listen', text);
}

/** Listens wherever the endpoints say, for `most` connections each. All or none. */
export async function listenAll(
  endpoints: readonly (Endpoint | null)[],
  most: number,
): Promise<Listener<StreamConn>[]> {
  const found: Listener<StreamConn>[] = [];
  try {
    for (const at of endpoints) {
      if (at === null)
        found.push(...(await givenListeners()).map((listener) => limitListener(listener, most)));
      else found.push(await listenEndpoint(at, most));
    }
    return found;
  } catch (error) {
    for (const listener of found) await listener.close();
    throw error;
  }
}

async function givenListeners(): Promise<Listener<StreamConn>[]> {
  const sockets = await activated();
  const listeners = sockets.map(({ listener }) => listener).filter((listener) => listener !== null);
  if (listeners.length === 0) {
    throw new IOError('ERR_NOT_ACTIVATED', 'systemd has handed over no listening socket (LISTEN_FDS)');
  }
  return listeners;
}

/** Listens there; with `most`, for so many connections at a time. */
export async function listenEndpoint(at: Endpoint, most?: number): Promise<Listener<StreamConn>> {
  const listener: Listener<StreamConn> =
    at.network === 'unix' ? await listen('unix', at.address) : await listen('tcp', at.address);
  return most === undefined ? listener : limitListener(listener, most);
}
