import { Duplex } from 'node:stream';
import { ArgumentTypeError, hasMethod } from '../io/arguments.ts';
import type { Conn, StreamConn, TCPConn } from '../net/index.ts';
import { go } from '../runtime/index.ts';
import { IdleTimer } from './idle-timer.ts';

/**
 * Options of `toDuplex`.
 *
 * @example
 * ```ts
 * import { type DuplexOptions, toDuplex } from 'gopark/compat';
 * import { dial } from 'gopark/net';
 *
 * const options: DuplexOptions = { allowHalfOpen: true };
 * const socket = toDuplex(await dial('tcp', 'example.com:80'), options);
 * socket.destroy();
 * ```
 */
export interface DuplexOptions {
  /** Whether the stream may still be written to when its peer has ended. Default false, as of Node's own sockets. */
  allowHalfOpen?: boolean;
}

/** What a connection may have beside what every Conn has. */
type Extras = Partial<Pick<StreamConn, 'tryRead' | 'waitReadable' | 'writev' | 'closeWrite'>> &
  Partial<Pick<TCPConn, 'setNoDelay' | 'setKeepAlive' | 'setLinger'>>;

type Done = (error?: Error | null) => void;

const CHUNK = 64 * 1024;
/** Of connections that cannot tell beforehand whether there is something to read. */
const OWN_CHUNK = 16 * 1024;

/** Between `tryRead` and the copy nobody else runs: one for all connections of a thread. */
let shared: Uint8Array | null = null;

/**
 * A connection as a Node stream, see `toDuplex`. Beside what a `stream.Duplex` has it looks like a `net.Socket`:
 * addresses, `setNoDelay`, `setKeepAlive`, `setTimeout`, `connecting`, `ref`, `unref`, `destroySoon`,
 * `resetAndDestroy`, and a `connect` for libraries that call it.
 *
 * @example
 * ```ts
 * import { type ConnDuplex, toDuplex } from 'gopark/compat';
 * import { dial } from 'gopark/net';
 *
 * const socket: ConnDuplex = toDuplex(dial('tcp', 'example.com:80'));
 * socket.once('connect', () => console.log(socket.remoteAddress, socket.remotePort));
 * socket.once('error', (error) => console.log(error.message));
 * socket.end();
 * ```
 */
export class ConnDuplex extends Duplex {
  /** Bytes that came from the connection. */
  bytesRead = 0;
  readonly #source: Conn | PromiseLike<Conn>;
  #conn: (Conn & Extras) | null = null;
  #sent = 0;
  #pulling = false;
  readonly #idle = new IdleTimer(() => this.emit('timeout'));

  /** @internal */
  constructor(source: Conn | PromiseLike<Conn>, options: DuplexOptions = {}) {
    super({ allowHalfOpen: options.allowHalfOpen ?? false });
    this.#source = source;
    if (isConn(source)) this.#conn = source;
  }

  override _construct(done: Done): void {
    if (this.#conn !== null) {
      done();
      return;
    }
    (this.#source as PromiseLike<Conn>).then(
      (conn) => {
        if (!isConn(conn)) return done(new ArgumentTypeError('conn', 'a Conn, or a promise of one', conn));
        this.#conn = conn;
        done();
        this.#announce();
      },
      (error) => done(error),
    );
  }

  #announce(): void {
    if (this.destroyed) return;
    this.emit('connect');
    this.emit('ready');
  }

  // Reading

  override _read(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    go(() => this.#pull());
  }

  /** Until the stream has enough: the kernel keeps what is not wanted. */
  async #pull(): Promise<void> {
    try {
      for (;;) {
        const chunk = await this.#next();
        if (this.destroyed) return;
        this.#idle.refresh();
        this.bytesRead += chunk?.length ?? 0;
        if (!this.push(chunk) || chunk === null) return;
      }
    } catch (error) {
      // After `end` where nothing can be half closed, it was this side that closed.
      if (this.#closedByEnd) this.push(null);
      else this.destroy(error as Error);
    } finally {
      this.#pulling = false;
    }
  }

  async #next(): Promise<Buffer | null> {
    const conn = this.#conn!;
    if (conn.tryRead === undefined || conn.waitReadable === undefined) {
      const p = Buffer.allocUnsafeSlow(OWN_CHUNK);
      const n = await conn.read(p);
      return n === null ? null : n < OWN_CHUNK / 2 ? Buffer.from(p.subarray(0, n)) : p.subarray(0, n);
    }
    shared ??= new Uint8Array(CHUNK);
    for (;;) {
      const n = conn.tryRead(shared);
      if (n === null) return null;
      if (n !== undefined) return Buffer.from(shared.subarray(0, n));
      await conn.waitReadable();
    }
  }

  // Writing

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#sending(this.#conn!.write(chunk), chunk.length, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const conn = this.#conn!;
    const buffers = chunks.map(({ chunk }) => chunk);
    const length = buffers.reduce((sum, { length }) => sum + length, 0);
    this.#sending(conn.writev?.(buffers) ?? conn.write(Buffer.concat(buffers)), length, done);
  }

  #sending(writing: Promise<number>, length: number, done: Done): void {
    writing.then(() => {
      this.#sent += length;
      this.#idle.refresh();
      done();
    }, done);
  }

  #closedByEnd = false;

  override _final(done: Done): void {
    const conn = this.#conn!;
    // What has no half to close tells its peer of the end by closing.
    this.#closedByEnd = conn.closeWrite === undefined;
    const ending = conn.closeWrite?.() ?? conn[Symbol.asyncDispose]();
    // A peer that has gone needs not be told.
    ending.then(
      () => done(),
      (error) => done(error.code === 'ENOTCONN' ? null : error),
    );
  }

  /** What a write's callback has promised still leaves: for as long as `close` of the connection waits. */
  override _destroy(error: Error | null, done: Done): void {
    this.#idle.stop();
    const conn = this.#conn;
    if (conn === null) {
      done(error);
      return;
    }
    conn[Symbol.asyncDispose]().then(
      () => done(error),
      (failure) => done(error ?? failure),
    );
  }

  // What a net.Socket has, too

  /** Bytes handed to the connection, and those that wait for it. */
  get bytesWritten(): number {
    return this.#sent + this.writableLength;
  }

  get connecting(): boolean {
    return this.#conn === null && !this.destroyed;
  }

  get pending(): boolean {
    return this.#conn === null;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get remoteAddress(): string | undefined {
    return partsOf(this.#conn?.remoteAddr)?.host;
  }

  get remotePort(): number | undefined {
    return partsOf(this.#conn?.remoteAddr)?.port;
  }

  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    return familyOf(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    return partsOf(this.#conn?.localAddr)?.host;
  }

  get localPort(): number | undefined {
    return partsOf(this.#conn?.localAddr)?.port;
  }

  get localFamily(): 'IPv4' | 'IPv6' | undefined {
    return familyOf(this.localAddress);
  }

  address(): { address?: string; port?: number; family?: string } {
    const { localAddress: address, localPort: port, localFamily: family } = this;
    return address === undefined ? {} : { address, port: port!, family: family! };
  }

  /**
   * For libraries that make a stream and connect it themselves: this one is connected already, or is about to be,
   * wherever its maker has decided; the arguments say nothing to it, but for a listener of 'connect'.
   */
  connect(...args: unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === 'function') this.once('connect', listener as () => void);
    if (this.#conn !== null) process.nextTick(() => this.#announce());
    return this;
  }

  /** Where the connection has it; elsewhere nothing. */
  setNoDelay(on = true): this {
    this.#conn?.setNoDelay?.(on);
    return this;
  }

  /** `delay` is in milliseconds, as Node has it; 0: the default of gopark. */
  setKeepAlive(on = false, delay = 0): this {
    this.#conn?.setKeepAlive?.(on && delay > 0 ? { idle: Math.max(1, Math.round(delay / 1000)) } : on);
    return this;
  }

  /** Emits 'timeout' when nothing was read or written for `ms`; closes nothing. 0: never. */
  setTimeout(ms: number, listener?: () => void): this {
    this.#idle.set(ms);
    if (listener !== undefined) {
      if (ms === 0) this.off('timeout', listener);
      else this.once('timeout', listener);
    }
    return this;
  }

  get timeout(): number {
    return this.#idle.after;
  }

  ref(): this {
    return this;
  }

  /** Changes nothing: who waits for the network keeps the process alive. */
  unref(): this {
    return this;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): this {
    const conn = this.#conn;
    if (conn !== null && !this.destroyed) {
      conn.setLinger?.(0);
      conn.closeNow();
    }
    return this.destroy();
  }
}

function isConn(value: unknown): value is Conn {
  return hasMethod(value, 'read') && hasMethod(value, 'write') && hasMethod(value, 'closeNow');
}

function partsOf(addr: unknown): { host: string; port: number } | undefined {
  const { host, port } = (addr ?? {}) as { host?: string; port?: number };
  return host === undefined || port === undefined ? undefined : { host, port };
}

function familyOf(host: string | undefined): 'IPv4' | 'IPv6' | undefined {
  return host === undefined ? undefined : host.includes(':') ? 'IPv6' : 'IPv4';
}

/**
 * A connection as a Node stream that also looks like a `net.Socket`, for libraries that want one: `tls.connect({
 * socket })`, `http.Server.emit('connection', socket)`, `createConnection` of an HTTP client, database and message
 * clients that take a stream. The connection is the stream's from then on; closing the stream closes it.
 *
 * Backpressure stays: the connection is read only while the stream wants more. Given a promise (`dial`), the stream
 * is `connecting` until it settles, and emits 'connect' or 'error'. `destroy` still sends what writes have called
 * back for; `resetAndDestroy` resets.
 *
 * It costs what Node's streams cost: read and write the connection itself where you can.
 *
 * @throws ArgumentTypeError for what is neither a Conn nor a promise.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { toDuplex } from 'gopark/compat';
 * import { listen } from 'gopark/net';
 *
 * const server = createServer((_request, response) => response.end('hello'));
 * const listener = await listen('tcp', '127.0.0.1:0');
 * void (async () => {
 *   for await (const conn of listener) server.emit('connection', toDuplex(conn));
 * })();
 * console.log(await (await fetch(`http://${listener.addr}`)).text());
 * await listener.close();
 * server.closeAllConnections();
 * ```
 */
export function toDuplex(conn: Conn | PromiseLike<Conn>, options?: DuplexOptions): ConnDuplex {
  if (!isConn(conn) && !hasMethod(conn, 'then')) {
    throw new ArgumentTypeError('conn', 'a Conn, or a promise of one', conn);
  }
  return new ConnDuplex(conn, options);
}
