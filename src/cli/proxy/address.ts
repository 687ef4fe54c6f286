import {
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
    if (port !== '') return { network: 'tcp', address: text };
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

/** Listens there; with `most`, for so many connections at a time. */
export async function listenEndpoint(at: Endpoint, most?: number): Promise<Listener<StreamConn>> {
  const listener: Listener<StreamConn> =
    at.network === 'unix' ? await listen('unix', at.address) : await listen('tcp', at.address);
  return most === undefined ? listener : limitListener(listener, most);
}
