import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ArgumentTypeError } from '../io/index.ts';
import { joinHostPort, parsePort, splitHostPort } from '../net/host-port.ts';
import { type DebugOptions, debugHandler } from './handler.ts';

/** A question is a line or two. */
const PATIENCE = 10_000;

/**
 * A debug page that listens. Made by `startDebugServer`.
 *
 * @example
 * ```ts
 * import { type DebugServer, startDebugServer } from 'gopark/debug';
 *
 * const server: DebugServer = await startDebugServer('127.0.0.1:0');
 * console.log(`http://${server.addr}/`);
 * await server.close();
 * ```
 */
export class DebugServer {
  readonly #server: Server;
  readonly #addr: string;

  /** @internal */
  constructor(server: Server, addr: string) {
    this.#server = server;
    this.#addr = addr;
  }

  /** Where it listens, with the port that the system chose: `host:port`, or the path. */
  get addr(): string {
    return this.#addr;
  }

  /** Stops listening and ends all of its connections. May be called again. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Listens, on a server of `node:http`, and answers as `debugHandler` does. It keeps no process alive, and hides no
 * deadlock: when there is nothing else to do, the process ends.
 *
 * What it shows is of the thread that calls this. Each P of `serve` can have its own (`6060 + proc().index`), and
 * whoever called `serve` hands in the server for the numbers of all.
 *
 * @param address `host:port`, of this machine unless others may see all of it; port 0: the system chooses. Or the path of a
 *   Unix socket, which begins with `/`
 * @throws Node's error where it cannot listen, `EADDRINUSE` for instance, as rejection; AddrError for an address that
 * is none.
 *
 * @example
 * ```ts
 * import { startDebugServer } from 'gopark/debug';
 *
 * const { addr } = await startDebugServer('127.0.0.1:6060');
 * console.log(`http://${addr}/`);
 * ```
 */
export async function startDebugServer(
  address = '127.0.0.1:6060',
  options: DebugOptions = {},
): Promise<DebugServer> {
  if (typeof address !== 'string') throw new ArgumentTypeError('address', "'host:port' or a path", address);
  const handler = debugHandler(options);
  const where = address.startsWith('/') ? { path: address } : hostAndPort(address);
  // Only now: who wants nothing but numbers needs no HTTP.
  const { createServer } = await import('node:http');
  const server = createServer(
    { requestTimeout: PATIENCE, headersTimeout: PATIENCE, maxHeaderSize: 8192 },
    handler,
  );
  // A connection that is kept open for the next question keeps nothing alive either.
  server.on('connection', (socket) => socket.unref());
  server.listen(where);
  await once(server, 'listening');
  // A question that cannot be accepted is its asker's trouble, who sees it: never the program's.
  server.on('error', () => {});
  server.unref();
  const bound = server.address() as AddressInfo | string;
  return new DebugServer(server, typeof bound === 'string' ? bound : joinHostPort(bound.address, bound.port));
}

function hostAndPort(address: string): { host?: string; port: number } {
  const { host, port } = splitHostPort(address);
  return { ...(host === '' ? {} : { host }), port: parsePort(port, address) };
}
