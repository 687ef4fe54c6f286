import type { Duplex } from 'node:stream';
import { ArgumentTypeError, checkBytes, hasMethod } from '../io/arguments.ts';
import { DeadlineSetters } from '../net/deadline-setters.ts';
import { operationError, peerHasGone } from '../net/errors.ts';
import { type Addr, type CallOptions, type Conn, OpError, TCPAddr } from '../net/index.ts';
import { DEFAULT_CLOSE_TIMEOUT } from '../net/options.ts';
import { EPIPE, FAILED_CLOSED, FAILED_UNSENT, type Failure } from '../poll/index.ts';
import { abortReason } from '../runtime/failures.ts';
import { DuplexReads } from './duplex-reads.ts';
import { DuplexWrites } from './duplex-writes.ts';

/** Where nobody knows better. */
const SOMEWHERE: Addr = Object.freeze({ network: 'duplex', toString: () => 'duplex' });

/** What some streams know of their ends, as a net.Socket does. */
interface Ends {
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
}

function addrOf(host: string | undefined, port: number | undefined): Addr {
  return host === undefined || port === undefined ? SOMEWHERE : new TCPAddr(host, port);
}

/**
 * A Node stream as a connection, see `fromDuplex`. Beside what every Conn has it can be half closed.
 *
 * @example
 * ```ts
 * import { PassThrough } from 'node:stream';
 * import { type DuplexConn, fromDuplex } from 'gopark/compat';
 *
 * const conn: DuplexConn = fromDuplex(new PassThrough());
 * await conn.write(new TextEncoder().encode('there and back'));
 * await conn.closeWrite();
 * console.log(await conn.read(new Uint8Array(64))); // 14
 * await conn.close();
 * ```
 */
export class DuplexConn extends DeadlineSetters implements Conn {
  readonly localAddr: Addr;
  readonly remoteAddr: Addr;
  readonly #stream: Duplex;
  readonly #reads: DuplexReads;
  readonly #writes: DuplexWrites;
  /** What the stream has emitted as its 'error'. */
  #fault: Error | null = null;
  #closed = false;

  /** @internal */
  constructor(stream: Duplex) {
    super();
    const ends = stream as Ends;
    this.localAddr = addrOf(ends.localAddress, ends.localPort);
    this.remoteAddr = addrOf(ends.remoteAddress, ends.remotePort);
    this.#stream = stream;
    this.#reads = new DuplexReads(
      stream,
      (failure) => operationError(failure, this.#details('read')),
      () => this.#broken('read'),
    );
    this.#writes = new DuplexWrites(
      stream,
      (failure, bytesWritten) => operationError(failure, this.#details('write'), { bytesWritten }),
      (bytesWritten) => this.#broken('write', bytesWritten),
    );
    stream.on('readable', () => this.#reads.match());
    stream.on('end', () => this.#reads.match());
    stream.on('error', (error) => {
      this.#fault ??= error;
      this.#gone();
    });
    stream.on('close', () => this.#gone());
  }

  #details(op: string): { op: string; net: string; source: Addr | null; addr: Addr | null } {
    const { localAddr, remoteAddr } = this;
    return {
      op,
      net: remoteAddr.network,
      source: localAddr === SOMEWHERE ? null : localAddr,
      addr: remoteAddr === SOMEWHERE ? null : remoteAddr,
    };
  }

  /** Why nothing more comes or goes, if that is so. */
  #broken(op: string, bytesWritten?: number): OpError | null {
    const fault = this.#fault ?? this.#stream.errored;
    if (fault === null && !this.#stream.destroyed) return null;
    const details = { ...this.#details(op), ...(bytesWritten === undefined ? {} : { bytesWritten }) };
    if (fault === null) return new OpError('ERR_STREAM_PREMATURE_CLOSE', 'the stream was closed', details);
    const code = (fault as Error & { code?: unknown }).code;
    return new OpError(typeof code === 'string' ? code : 'ERR_STREAM', fault.message, {
      ...details,
      cause: fault,
    });
  }

  #gone(): void {
    this.#reads.match();
    this.#writes.breakAll();
  }

  async read(p: Uint8Array, options?: CallOptions): Promise<number | null> {
    checkBytes(p);
    const signal = options?.signal;
    if (this.#closed) throw this.#reads.error(FAILED_CLOSED);
    if (signal?.aborted) throw abortReason(signal);
    if (p.length === 0) return 0;
    return this.#reads.read(p, signal);
  }

  async write(p: Uint8Array, options?: CallOptions): Promise<number> {
    checkBytes(p);
    const signal = options?.signal;
    if (this.#closed) throw this.#writes.error(FAILED_CLOSED, null);
    if (signal?.aborted) throw abortReason(signal);
    const ended = this.#stream.writableEnded && this.#fault === null;
    const broken = ended ? this.#writes.error(EPIPE, null) : this.#broken('write', 0);
    if (broken !== null) throw broken;
    if (p.length === 0) return 0;
    return this.#writes.write(p, signal);
  }

  protected override setInstants(instant: number, reading: boolean, writing: boolean): void {
    if (this.#closed) throw this.#error('set', FAILED_CLOSED);
    if (reading) this.#reads.setDeadline(instant);
    if (writing) this.#writes.setDeadline(instant);
  }

  #error(op: string, failure: Failure, bytesUnsent?: number): OpError {
    return operationError(failure, this.#details(op), bytesUnsent === undefined ? {} : { bytesUnsent });
  }

  /** Ends the outgoing stream: resolves when the stream is through with it. Reading goes on. */
  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#error('close', FAILED_CLOSED));
    return this.#end();
  }

  /** Resolves when the stream has passed everything on, rejects when it breaks before. */
  #end(): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      const settle = () => {
        stream.off('finish', settle).off('close', settle).off('error', settle);
        if (stream.writableFinished) resolve();
        else reject(this.#broken('close'));
      };
      if (stream.writableFinished || stream.destroyed) return settle();
      stream.on('finish', settle).on('close', settle).on('error', settle);
      stream.end();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) throw this.#error('close', FAILED_CLOSED);
    this.#closed = true;
    this.#reads.failAll(FAILED_CLOSED);
    this.#writes.failAll(FAILED_CLOSED);
    const stream = this.#stream;
    // What broke before has nothing more to send, and has been told to who waited.
    if (stream.destroyed || this.#fault !== null) return this.#destroyed();
    const unsent = stream.writableLength;
    let late: OpError | null = null;
    const patience = setTimeout(() => {
      late = this.#error('close', FAILED_UNSENT, stream.writableLength);
      stream.destroy();
    }, DEFAULT_CLOSE_TIMEOUT);
    try {
      await this.#end();
    } catch (error) {
      // A peer that has closed first has missed nothing.
      if (late !== null || unsent > 0 || this.#fault !== null) throw late ?? error;
    } finally {
      clearTimeout(patience);
      await this.#destroyed();
    }
  }

  #destroyed(): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve) => {
      if (stream.closed) return resolve();
      stream.once('close', () => resolve());
      stream.destroy();
    });
  }

  closeNow(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#reads.failAll(FAILED_CLOSED);
      this.#writes.failAll(FAILED_CLOSED);
    }
    this.#stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    try {
      await this.close();
    } catch (error) {
      if (!peerHasGone(error)) throw error;
    }
  }
}

/**
 * A Node stream (a `TLSSocket`, a `net.Socket`, anything that is a `Duplex`) as a connection: deadlines, signals,
 * write-all and errors at the `await` that asked are those of every Conn. The stream is the connection's from then
 * on: read and write it nowhere else.
 *
 * A write resolves when the stream says that it is through with the bytes. A write that was cut short has given the
 * stream `bytesWritten` bytes, which still leave. An error of the stream rejects the waiting and all later calls
 * with an OpError that carries the error's `code` and has it as its `cause`; a stream that closes without an end
 * rejects reads with `ERR_STREAM_PREMATURE_CLOSE`. `close` ends the stream, gives it five seconds to pass on what
 * was written, and destroys it.
 *
 * @throws ArgumentTypeError for what is no Duplex of bytes.
 *
 * @example
 * ```ts
 * import { once } from 'node:events';
 * import { connect } from 'node:tls';
 * import { fromDuplex, toDuplex } from 'gopark/compat';
 * import { dial } from 'gopark/net';
 *
 * const socket = connect({ socket: toDuplex(dial('tcp', 'example.com:443')), servername: 'example.com' });
 * await once(socket, 'secureConnect');
 * await using conn = fromDuplex(socket);
 * conn.setTimeout(5000);
 * await conn.write(new TextEncoder().encode('ping\n'));
 * console.log(await conn.read(new Uint8Array(512)));
 * ```
 */
export function fromDuplex(stream: Duplex): DuplexConn {
  if (!hasMethod(stream, 'read') || !hasMethod(stream, 'write') || !hasMethod(stream, 'destroy')) {
    throw new ArgumentTypeError('stream', 'a Duplex', stream);
  }
  if (stream.readableEncoding !== null || stream.readableObjectMode || stream.writableObjectMode) {
    throw new ArgumentTypeError('stream', 'a Duplex of bytes, without an encoding', stream);
  }
  return new DuplexConn(stream);
}
