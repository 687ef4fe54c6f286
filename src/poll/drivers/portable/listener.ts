import { createServer, type Server, type Socket } from 'node:net';
import { type ListenSocketOptions, OP_ACCEPT, OP_LISTEN, type Op, type SocketAddress } from '../../driver.ts';
import { EAGAIN, ECANCELED, EINVAL, ENOTSUP } from '../../errno.ts';
import type { PortableConn } from './conn.ts';
import type { Host } from './host.ts';
import { unixSocketOf } from './inherited.ts';
import { PrivatePath } from './private-path.ts';

/** What an accepted connection inherits, as on Linux. */
export interface Inherited {
  noDelay: boolean;
  keepAlive: boolean;
  /** In seconds. */
  keepAliveIdle: number;
}

/** Makes a connection of a socket, or says why not (a negated errno). */
type Adopt = (socket: Socket) => PortableConn | number;

/** 0, or a negated errno. */
function published(path: PrivatePath): number {
  try {
    path.publish();
    return 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -EINVAL;
  }
}

/**
 * One listening socket on a `net.Server`. The server accepts by itself, as fast as connections come: they wait here,
 * paused, for `accept`.
 */
export class PortableListener {
  readonly kind = 'listener';
  readonly slot: number;
  readonly generation: number;
  readonly inherited: Inherited = { noDelay: false, keepAlive: false, keepAliveIdle: 0 };
  readonly #host: Host;
  readonly #server: Server;
  readonly #adopt: Adopt;
  #path: PrivatePath | null = null;
  /** Of a Unix socket. */
  name: string | null = null;
  readonly #waiting: PortableConn[] = [];
  /** A failed accept that nobody has been told of. */
  #failure = 0;
  #listening = true;
  #accepting = false;

  constructor(host: Host, slot: number, generation: number, adopt: Adopt) {
    this.#host = host;
    this.slot = slot;
    this.generation = generation;
    this.#adopt = adopt;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    this.#server
      .on('listening', () => this.#listened(0))
      .on('connection', (socket: Socket) => this.#arrived(socket))
      .on('error', (error: NodeJS.ErrnoException) => this.#failed(error));
  }

  listen(host: string, port: number, { backlog, reusePort, ipv6Only }: ListenSocketOptions): void {
    const where = { host, port, backlog, ipv6Only, exclusive: true };
    this.#server.listen(reusePort ? { ...where, reusePort } : where).unref();
  }

  /** At a Unix socket. */
  listenAt(name: string, backlog: number, mode: number): void {
    this.name = name;
    // Windows has named pipes, which are no files.
    if (process.platform !== 'win32') this.#path = new PrivatePath(name, mode);
    const path = this.#path?.path ?? name;
    try {
      this.#server.listen({ path, backlog, exclusive: true }).unref();
    } catch (error) {
      this.#path?.done();
      throw error;
    }
  }

  /** At a socket that somebody else has opened. */
  listenOn(descriptor: number): void {
    const unix = unixSocketOf(descriptor);
    if (unix !== null && !unix.stream) throw Object.assign(new Error(), { errno: -ENOTSUP });
    this.name = unix?.name ?? null;
    this.#server.listen({ fd: descriptor, exclusive: true }).unref();
  }

  #listened(result: number): void {
    if (!this.#listening) return;
    this.#listening = false;
    const path = this.#path;
    if (path !== null) {
      this.#path = null;
      if (result === 0) result = published(path);
      // What could not be published goes with its directory.
      if (result < 0) this.#server.close();
      path.done();
    }
    this.#host.complete(OP_LISTEN, this, result);
  }

  #failed(error: NodeJS.ErrnoException): void {
    const errno = typeof error.errno === 'number' ? Math.abs(error.errno) : EINVAL;
    if (this.#listening) this.#listened(-errno);
    else this.#refused(errno);
  }

  #refused(errno: number): void {
    this.#failure = errno;
    this.#settle();
  }

  #arrived(socket: Socket): void {
    const conn = this.#adopt(socket);
    if (typeof conn === 'number') {
      socket.on('error', () => {}).destroy();
      this.#refused(-conn);
      return;
    }
    const { noDelay, keepAlive, keepAliveIdle } = this.inherited;
    if (noDelay) conn.setNoDelay(true);
    if (keepAlive) conn.setKeepAlive(true, keepAliveIdle);
    this.#waiting.push(conn);
    this.#settle();
  }

  get mayBeReadable(): boolean {
    return this.#waiting.length > 0 || this.#failure !== 0;
  }

  accept(): void {
    this.#accepting = true;
    if (this.mayBeReadable) this.#host.later(this, () => this.#settle());
  }

  #settle(): void {
    if (!this.#accepting || !this.mayBeReadable) return;
    this.#accepting = false;
    this.#host.complete(OP_ACCEPT, this, this.tryAccept());
  }

  /** A connection's slot, or a negated errno. */
  tryAccept(): number {
    const conn = this.#waiting.shift();
    if (conn !== undefined) return conn.slot;
    const failure = this.#failure;
    this.#failure = 0;
    return failure === 0 ? -EAGAIN : -failure;
  }

  /** The name of the Unix socket that it listens at, if it is one. */
  get path(): string | null {
    const address = this.name ?? this.#server.address();
    // Of a Unix socket that it has not bound itself Node knows no name.
    if (address === null && this.#listening) return '';
    return typeof address === 'string' ? address : null;
  }

  get local(): SocketAddress | null {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') return null;
    return { host: address.address, port: address.port };
  }

  cancel(op: Op): void {
    if (op === OP_ACCEPT && this.#accepting) this.#accepting = false;
    else if (op === OP_LISTEN && this.#listening) this.#listening = false;
    else return;
    this.#host.post(op, this, -ECANCELED);
  }

  /** Nothing is ever outbound here. */
  readonly outboundLength = 0;
  flush(): void {}

  /** Connections that nobody has accepted end with it: the system would have reset them. */
  close(): void {
    this.cancel(OP_ACCEPT);
    this.cancel(OP_LISTEN);
    for (const conn of this.#waiting.splice(0)) conn.abandon();
    // Its own callback waits for all connections that it ever accepted.
    if (this.#server.listening) this.#server.close();
    this.#path?.done();
    this.#path = null;
    setImmediate(() => this.#host.closed(this, true));
  }
}
