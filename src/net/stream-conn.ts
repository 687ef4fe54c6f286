import { checkBytes, checkReader, checkWriter, hasMethod } from '../io/arguments.ts';
import { copyLoop } from '../io/copy.ts';
import {
  ArgumentTypeError,
  LimitedReader,
  type NonblockingReader,
  type Reader,
  type ReaderFrom,
  type Writer,
  type WriterTo,
} from '../io/index.ts';
import { type TakesNow, takeNow } from '../io/take-now.ts';
import {
  type Counts,
  type Failure,
  FD,
  type FDOwner,
  type FileSource,
  type Moved,
  type Poller,
  type SocketOption,
  sendTo,
} from '../poll/index.ts';
import type { Parked } from '../runtime/park.ts';
import type { Addr } from './addr.ts';
import { partsOf } from './address-parts.ts';
import type { CallOptions, Conn } from './conn.ts';
import { DeadlineSetters } from './deadline-setters.ts';
import type { Detached } from './detached.ts';
import { OpError, operationError, peerHasGone, UnsupportedError } from './errors.ts';
import { type ConnSettings, checkInt, setOption } from './options.ts';
import type { ConnFamily } from './slot-listener.ts';
import { splice } from './splice.ts';

/**
 * What every connection over a socket of the system has, TCP or Unix. See Conn for the rules that all connections
 * share.
 *
 * @example
 * ```ts
 * import { listen, type StreamConn } from 'gopark/net';
 *
 * async function echo(conn: StreamConn): Promise<void> {
 *   const p = new Uint8Array(4096);
 *   for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
 * }
 * const listener = await listen('tcp', '127.0.0.1:0');
 * void listener.serve(echo);
 * await listener.close();
 * ```
 */
export abstract class StreamConn<A extends Addr = Addr>
  extends DeadlineSetters
  implements Conn, ReaderFrom, WriterTo, TakesNow, FDOwner
{
  readonly #fd: FD;
  readonly #settings: ConnSettings;
  #localAddr: A | null;
  /** A number: what `peerAddr` makes it of. */
  #remoteAddr: A | number | null = null;

  /** @internal */
  constructor(poller: Poller, slot: number, settings: ConnSettings, localAddr: A | null) {
    super();
    this.#fd = new FD(poller, slot, this);
    this.#settings = settings;
    this.#localAddr = localAddr;
    if (settings.strict) this.#fd.setStrict();
  }

  /** @internal */
  get fd(): FD {
    return this.#fd;
  }

  /**
   * For who takes the slot of this connection over, before anybody has used it.
   * @internal
   */
  get family(): ConnFamily {
    const { localAddr, remoteAddr } = this;
    return {
      network: this.network,
      settings: this.#settings,
      localAddr: () => localAddr,
      remoteAddr: () => remoteAddr,
    };
  }

  /** As it stands in errors: 'tcp', 'unix'... */
  protected abstract readonly network: string;
  /** The address of one end; of a closed descriptor one that says nothing. */
  protected abstract addressOf(which: 'localAddress' | 'remoteAddress'): A;

  // Reading

  /**
   * Reads what is there, at most `p.length` bytes; waits for the first of them. `null` at the end of the stream.
   * `p` is the caller's again as soon as the promise has settled, for whatever reason.
   *
   * @throws DeadlineExceededError, ClosedError, OpError (`ECONNRESET`...), or the signal's reason: as rejections.
   */
  read(p: Uint8Array, options?: CallOptions): Promise<number | null> {
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#fd.read(p, options?.signal);
  }

  /**
   * Reads without waiting: the count, `null` at the end, or `undefined` when there is nothing now, when another
   * goroutine is reading, or when this one has run for so long that others must have a turn (`waitReadable` gives
   * them one).
   *
   * @throws what `read` would reject with.
   */
  tryRead(p: Uint8Array): number | null | undefined {
    checkBytes(p);
    return this.#fd.tryRead(p);
  }

  /**
   * Resolves when a read would not have to wait: bytes, the end or an error are there. Consumes nothing and needs
   * no buffer, so an idle connection costs none.
   *
   * @example
   * ```ts
   * import type { TCPConn } from 'gopark/net';
   *
   * const shared = new Uint8Array(64 * 1024);
   * export async function count(conn: TCPConn): Promise<number> {
   *   for (let total = 0; ; await conn.waitReadable()) {
   *     for (let n = conn.tryRead(shared); n !== undefined; n = conn.tryRead(shared)) {
   *       if (n === null) return total;
   *       total += n;
   *     }
   *   }
   * }
   * ```
   */
  waitReadable(options?: CallOptions): Promise<void> {
    return this.#fd.waitReadable(options?.signal);
  }

  // Writing

  /**
   * Writes all of `p`. Small writes settle when the connection has a copy, which leaves together with others at the
   * end of this turn of the event loop; when 64 KiB wait, writers park. See `flush` and the option `coalesce`.
   * `p` is never modified, and the caller's again once the promise has settled.
   *
   * @throws as rejections: DeadlineExceededError, ClosedError or OpError, with `bytesWritten`. A failure to send
   * what earlier writes had handed over is told once, with `bytesUnsent`. The signal's reason where nothing had
   * been written, else an OpError `ERR_ABORTED` with that reason as its cause.
   */
  write(p: Uint8Array, options?: CallOptions): Promise<number> {
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#fd.write(p, options?.signal);
  }

  /**
   * Writes all of `bufs`, in their order and in one piece among other writes, and resolves how many bytes. Few bytes
   * are copied and leave with others, as with `write`; from 16 KiB on they go to the kernel straight from your memory,
   * many buffers in one system call (writev), where the driver can; only tiny neighbours are put together first. The buffers are yours again once the promise has
   * settled; the array is at once. Of a 'unixpacket' connection it is one message.
   *
   * @throws what `write` rejects with; `bytesWritten` counts over all buffers.
   *
   * @example
   * ```ts
   * import type { StreamConn } from 'gopark/net';
   *
   * export async function frame(conn: StreamConn, payload: Uint8Array): Promise<void> {
   *   const header = new Uint8Array(4);
   *   new DataView(header.buffer).setUint32(0, payload.length);
   *   await conn.writev([header, payload]);
   * }
   * ```
   */
  writev(bufs: readonly Uint8Array[], options?: CallOptions): Promise<number> {
    try {
      if (!Array.isArray(bufs)) throw new ArgumentTypeError('bufs', 'an array of Uint8Arrays', bufs);
      for (let i = 0; i < bufs.length; i++) checkBytes(bufs[i]!, `bufs[${i}]`);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#fd.writeVector(bufs.slice(), options?.signal);
  }

  /**
   * Writes all of `p` without waiting, or nothing of it: false, when the outbound chain has no room or another
   * goroutine is writing. Takes at most 64 KiB.
   *
   * @throws what `write` would reject with.
   */
  tryWrite(p: Uint8Array): boolean {
    checkBytes(p);
    return this.#fd.tryWrite(p);
  }

  /** @internal What `flush` of a buffered writer asks for first. */
  [takeNow](p: Uint8Array): boolean {
    // Whoever has put another `write` in front sees all that is written.
    return this.write === StreamConn.prototype.write && this.#fd.takeNow(p);
  }

  /**
   * Reads `r` to its end and writes all of it, and resolves how many bytes: what `copy` uses. A file of `gopark/os`,
   * also behind a LimitedReader, goes inside the kernel where driver and system can do that (sendfile, Linux). Then
   * other writes wait until it is through, and a call that a thread works for ends when that has returned. Another
   * connection goes inside the kernel, too (splice, Linux): its other reads wait until the copy is through, other writes
   * here only while bytes are on their way. When a write fails, `remaining` of a limited reader tells what was taken.
   *
   * @throws CopyError, as a rejection: `bytesCopied`, and as `cause` what `write` or `r.read` failed with.
   */
  readFrom(r: Reader): Promise<number> {
    try {
      checkReader(r, 'r');
      const source = (r instanceof LimitedReader ? r.source : r) as Reader & Partial<FileSource>;
      const limited = r instanceof LimitedReader ? r : null;
      return source[sendTo]?.(this, this.#fd, limited) ?? copyLoop(this, r);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Reads to the end of the stream and writes all of it to `w`, and resolves how many bytes: what `copy` uses. A
   * destination that can fetch for itself does (`w.readFrom`): another connection, a pipe or a file of `gopark/os`.
   * Else a buffer of 32 KiB goes to and fro, held only while bytes are there. Go: `TCPConn.WriteTo`.
   *
   * @throws CopyError, as a rejection: `bytesCopied`, and as `cause` what `read` or `w.write` failed with.
   */
  writeTo(w: Writer): Promise<number> {
    try {
      checkWriter(w, 'w');
      if (!hasMethod(w, 'readFrom')) return copyLoop(w, this);
      // Not the connection itself, so that nobody's fast path leads back here.
      const reader: NonblockingReader & FileSource = {
        read: (p) => this.read(p),
        tryRead: (p) => this.tryRead(p),
        waitReadable: () => this.waitReadable(),
        [sendTo]: (...args) => this[sendTo](...args),
      };
      return (w as unknown as ReaderFrom).readFrom(reader);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @internal What `readFrom` of another connection asks this one for. */
  [sendTo](w: Writer, to: FD, limited: LimitedReader | null): Promise<number> {
    return splice(this.#fd, to, limited, () => copyLoop(w, limited ?? this));
  }

  /** Resolves when the kernel has taken everything that was written before. */
  flush(options?: CallOptions): Promise<void> {
    return this.#fd.flush(options?.signal);
  }

  // Deadlines

  protected override setInstants(instant: number, reading: boolean, writing: boolean): void {
    this.mustBeOpen('set');
    if (reading) this.#fd.reading.setDeadline(instant);
    if (writing) this.#fd.writer.setDeadline(instant);
  }

  // Closing

  close(): Promise<void> {
    this.keepAddresses();
    return this.#fd.close(this.#settings.closeTimeout);
  }

  closeNow(): void {
    this.keepAddresses();
    this.#fd.closeNow();
  }

  /** Ends the outgoing stream: flushes, then the peer reads the end. Reading goes on. */
  closeWrite(): Promise<void> {
    return this.#fd.closeWrite();
  }

  /**
   * Ends the incoming stream: reads see the end.
   *
   * @throws UnsupportedError, as a rejection, where the driver lacks the capability 'closeRead'.
   */
  closeRead(): Promise<void> {
    const { driver } = this.#fd.poller;
    if (!driver.capabilities.has('closeRead')) {
      return Promise.reject(new UnsupportedError(driver.name, 'closeRead'));
    }
    return this.#fd.closeRead();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#fd.closed) return;
    try {
      await this.close();
    } catch (error) {
      if (!peerHasGone(error)) throw error;
    }
  }

  /**
   * Closes, if it is open, and tells `closing` how that ended, also that the peer has gone. False: somebody has put
   * something in front of the ways to close it, and they are to be taken.
   * @internal
   */
  dispose(closing: Parked<void>): boolean {
    const { prototype } = StreamConn;
    if (this.close !== prototype.close || this[Symbol.asyncDispose] !== prototype[Symbol.asyncDispose])
      return false;
    if (this.#fd.closed) return true;
    this.keepAddresses();
    this.#fd.closeFor(closing, this.#settings.closeTimeout);
    return true;
  }

  // Changing threads

  /**
   * Gives the connection away, for another thread to go on with it: at any moment, in the middle of a stream too.
   * Calls that wait reject with DetachedError, and so do all later ones; the bytes that nobody has read, and what was
   * written and the kernel has not taken yet, go along. `state` is for whoever adopts it: anything that a structured
   * clone can be made of. Whoever gets the result must adopt it within 10 seconds, or the connection is closed.
   *
   * @throws UnsupportedError where the driver lacks 'leases', ClosedError, OpError `ENFILE` when more than 16,384 are
   * on their way from this thread, and then the connection is closed: all as rejections.
   *
   * @example
   * ```ts
   * import { Worker } from 'node:worker_threads';
   * import { listen } from 'gopark/net';
   *
   * const worker = new Worker(new URL('./session.js', import.meta.url));
   * const listener = await listen('tcp', '127.0.0.1:9000');
   * for await (const conn of listener) worker.postMessage(await conn.detach({ since: Date.now() }));
   * ```
   */
  detach(): Promise<Detached<undefined>>;
  detach<S>(state: S): Promise<Detached<S>>;
  async detach(state?: unknown): Promise<Detached> {
    const { driver } = this.#fd.poller;
    if (driver.leases === undefined) throw new UnsupportedError(driver.name, 'leases');
    if (this.#fd.closed) throw this.error('detach', this.#fd.closure);
    this.keepAddresses();
    const { network } = this;
    const [local, remote] = [partsOf(this.localAddr), partsOf(this.remoteAddr)];
    const moved = await this.#fd.leave();
    if (typeof moved === 'number') throw this.error('detach', -moved);
    return { network, state, settings: this.#settings, local, remote, moved };
  }

  /** @internal It has come from another thread. */
  arrived(remoteAddr: A, moved: Moved): void {
    this.#remoteAddr = remoteAddr;
    this.#fd.arrive(moved);
  }

  // Addresses: the same objects for the life of the connection, and after it.

  get localAddr(): A {
    this.#localAddr ??= this.addressOf('localAddress');
    return this.#localAddr;
  }

  get remoteAddr(): A {
    let addr = this.#remoteAddr ?? this.addressOf('remoteAddress');
    if (typeof addr === 'number') addr = this.peerAddr(addr);
    this.#remoteAddr = addr;
    return addr;
  }

  private keepAddresses(): void {
    if (this.#fd.closed) return;
    this.#localAddr ??= this.localAddr;
    this.#remoteAddr ??= this.keptPeer();
  }

  /** For when the slot is gone: the remote address, or a number that `peerAddr` makes it of. */
  protected keptPeer(): A | number {
    return this.remoteAddr;
  }

  protected peerAddr(_peer: number): A {
    throw new Error('it keeps no numbers');
  }

  // Options

  /** Asks for a receive buffer of `size` bytes in the kernel, which may take another size. */
  setReadBuffer(size: number): void {
    checkInt(size, 'size', 1);
    this.setOption('readBuffer', size);
  }

  /** Asks for a send buffer of `size` bytes in the kernel, which may take another size. */
  setWriteBuffer(size: number): void {
    checkInt(size, 'size', 1);
    this.setOption('writeBuffer', size);
  }

  protected setOption(option: SocketOption, value: number, second?: number): void {
    this.mustBeOpen('set');
    this.check(setOption(this.#fd.poller, this.#fd.slot, option, value, second));
  }

  protected check(errno: number): void {
    if (errno !== 0) throw this.error('set', errno);
  }

  protected mustBeOpen(op: string): void {
    if (this.#fd.closed) throw this.error(op, this.#fd.closure);
  }

  private details(op: string) {
    return { op, net: this.network, source: this.localAddr, addr: this.remoteAddr };
  }

  // What the FD asks of us

  /** @internal */
  error(op: string, failure: Failure, counts?: Counts): OpError {
    return operationError(failure, this.details(op), counts);
  }

  /** @internal */
  aborted(reason: unknown, bytesWritten: number): unknown {
    if (bytesWritten === 0) return reason;
    return new OpError('ERR_ABORTED', 'aborted', { ...this.details('write'), cause: reason, bytesWritten });
  }

  /** @internal */
  accepted(): never {
    throw new Error('a connection accepts nothing');
  }
}
