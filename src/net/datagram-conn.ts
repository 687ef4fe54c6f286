import { checkBytes } from '../io/arguments.ts';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import {
  type Counts,
  type DatagramBlock,
  DatagramFD,
  type DatagramOption,
  type DatagramOwner,
  ENOTSUP,
  type Failure,
  type Outgoing,
  type Poller,
  type RawAddress,
} from '../poll/index.ts';
import type { Addr } from './addr.ts';
import type { CallOptions } from './conn.ts';
import { DeadlineSetters } from './deadline-setters.ts';
import { ClosedError, OpError, operationError, UnsupportedError } from './errors.ts';
import { checkInt, checkObject } from './options.ts';
import type { ConnectedPacketConn, Datagram } from './packet-conn.ts';

/** What a datagram socket was opened as. */
export interface DatagramEnds {
  readonly network: string;
  readonly connected: boolean;
  readonly peerErrors: boolean;
}

/** What UDP and Unix datagram sockets have in common. */
export abstract class DatagramConn<A extends Addr>
  extends DeadlineSetters
  implements ConnectedPacketConn<A>, DatagramOwner
{
  readonly #fd: DatagramFD;
  readonly #ends: DatagramEnds;
  #localAddr: A | null = null;
  #remoteAddr: A | null = null;

  /** @internal */
  constructor(poller: Poller, slot: number, ends: DatagramEnds) {
    super();
    this.#fd = new DatagramFD(poller, slot, this, ends.peerErrors);
    this.#ends = ends;
  }

  /** @internal */
  get fd(): DatagramFD {
    return this.#fd;
  }

  /** The address that such words are. */
  protected abstract addrOf(raw: RawAddress): A;
  /** The address that a text is. Throws AddrError. */
  protected abstract parse(address: string): A;
  /** The words to send to. Throws what is wrong with it. */
  protected abstract rawOf(addr: A): RawAddress;

  // Receiving

  /**
   * Receives one datagram into `p`: how many of its bytes fit, and who sent it. Waits for one.
   *
   * @throws as rejections: DeadlineExceededError, ClosedError, OpError (`ECONNREFUSED` of a connected socket whose
   * peer does not listen, with other ICMP errors), or the signal's reason.
   */
  receive(p: Uint8Array, options?: CallOptions): Promise<[n: number, from: A | null]> {
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#fd.receive(p, options?.signal) as Promise<[number, A | null]>;
  }

  /**
   * Receives one datagram into `p`, from whomever: how many of its bytes fit. 0 for an empty one; never null. An empty
   * `p` takes nothing, unlike `receive`.
   *
   * @throws what `receive` rejects with.
   */
  read(p: Uint8Array, options?: CallOptions): Promise<number> {
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#fd.read(p, options?.signal);
  }

  /**
   * Waits for one datagram and takes all that are there, into the first `messages`: sets `length`, `addr` and
   * `truncated` of each. Resolves with their number.
   *
   * @throws what `receive` rejects with. Datagrams before an error are given first.
   */
  async receiveBatch(messages: Datagram<A>[], options?: CallOptions): Promise<number> {
    if (!Array.isArray(messages)) throw new ArgumentTypeError('messages', 'an array of datagrams', messages);
    for (let i = 0; i < messages.length; i++) {
      checkObject(messages[i], `messages[${i}]`, 'a datagram');
      checkBytes(messages[i]!.data);
    }
    return this.#fd.receiveBatch(messages, options?.signal);
  }

  // Sending

  /**
   * Sends `p` as one datagram to `to`. Resolves with `p.length` when the kernel has taken it.
   *
   * @throws as rejections: AddrError, OpError (`EMSGSIZE`, `EACCES`, `ERR_WRITE_TO_CONNECTED` where there is a peer
   * already...), DeadlineExceededError, ClosedError, or the signal's reason. Nothing was sent then.
   */
  send(p: Uint8Array, to: A | string, options?: CallOptions): Promise<number> {
    try {
      checkBytes(p);
      const raw = this.#destination(to);
      return this.#fd.send(p, raw, options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends `p` as one datagram to the peer of a connected socket.
   *
   * @throws what `send` rejects with; `EDESTADDRREQ` or `ENOTCONN` where there is no peer, `ECONNREFUSED` when nobody
   * listened for an earlier datagram.
   */
  write(p: Uint8Array, options?: CallOptions): Promise<number> {
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#fd.send(p, null, options?.signal);
  }

  /**
   * Sends the first `length` bytes of each of `messages`, in their order, many in one system call; `addr` null: to the
   * peer. Resolves with their number. Buffers are the caller's again when it has settled.
   *
   * @throws what `send` rejects with; `datagramsSent` says how many went before.
   */
  async sendBatch(messages: readonly Datagram<A>[], options?: CallOptions): Promise<number> {
    if (!Array.isArray(messages)) throw new ArgumentTypeError('messages', 'an array of datagrams', messages);
    const outgoing = new Array<Outgoing>(messages.length);
    for (let i = 0; i < messages.length; i++) {
      checkObject(messages[i], `messages[${i}]`, 'a datagram');
      const { data, length, addr } = messages[i] as Datagram<A>;
      checkBytes(data);
      if (!Number.isInteger(length) || length < 0 || length > data.length) {
        throw new ArgumentRangeError('length', `a number of bytes up to ${data.length}`, length);
      }
      outgoing[i] = { p: data, length, to: addr === null ? null : this.#destination(addr) };
    }
    return this.#fd.sendBatch(outgoing, options?.signal);
  }

  #destination(to: A | string): RawAddress {
    if (this.#ends.connected) {
      throw new OpError('ERR_WRITE_TO_CONNECTED', 'this socket has a peer: use write', this.details('write'));
    }
    if (to === null || to === undefined || to === '') {
      throw new OpError('ERR_MISSING_ADDRESS', 'missing address', this.details('write'));
    }
    return this.rawOf(typeof to === 'string' ? this.parse(to) : to);
  }

  // Deadlines

  protected override setInstants(instant: number, reading: boolean, writing: boolean): void {
    this.mustBeOpen();
    if (reading) this.#fd.reading.setDeadline(instant);
    if (writing) this.#fd.writer.setDeadline(instant);
  }

  // Closing

  close(): Promise<void> {
    this.#keepAddresses();
    return this.#fd.close(0);
  }

  closeNow(): void {
    this.#keepAddresses();
    this.#fd.closeNow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#fd.closed) await this.close();
  }

  // Addresses: the same objects for the life of the socket, and after it.

  get localAddr(): A {
    this.#localAddr ??= this.#address('local');
    return this.#localAddr;
  }

  /** The peer of a connected socket; of another one an address that names nobody. */
  get remoteAddr(): A {
    this.#remoteAddr ??= this.#address('remote');
    return this.#remoteAddr;
  }

  #address(end: 'local' | 'remote'): A {
    const raw = this.#fd.closed ? null : this.#fd.datagrams.addressOf(this.#fd.slot, end);
    return raw === null ? this.nobody() : this.addrOf(raw);
  }

  protected abstract nobody(): A;

  #keepAddresses(): void {
    if (this.#fd.closed) return;
    this.#localAddr ??= this.localAddr;
    this.#remoteAddr ??= this.remoteAddr;
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

  /** @internal */
  setOption(option: DatagramOption, value: number): void {
    this.mustBeOpen();
    this.check(this.#fd.datagrams.setOption(this.#fd.slot, option, value), option);
  }

  /** @internal A negated errno becomes an error. */
  protected check(result: number, feature: string): void {
    if (result === -ENOTSUP) throw new UnsupportedError(this.#fd.poller.driver.name, feature);
    if (result < 0) throw this.error('set', -result);
  }

  /** @internal */
  protected mustBeOpen(): void {
    if (this.#fd.closed) throw new ClosedError(this.details('set'));
  }

  /** @internal */
  protected details(op: string) {
    const { network, connected } = this.#ends;
    return { op, net: network, source: this.localAddr, addr: connected ? this.remoteAddr : null };
  }

  // What the FD asks of us

  /** @internal */
  abstract sender(block: DatagramBlock, i: number): A | null;

  /** @internal */
  error(op: string, failure: Failure, counts?: Counts): OpError {
    const { destination = null, ...known } = counts ?? {};
    const details = this.details(op);
    const addr = details.addr ?? (destination === null ? null : this.addrOf(destination));
    return operationError(failure, { ...details, addr }, known);
  }

  /** @internal */
  peerError(errno: number, peer: RawAddress): OpError {
    return operationError(errno, { ...this.details('read'), addr: this.addrOf(peer) });
  }

  /** @internal */
  aborted(reason: unknown, datagramsSent: number): unknown {
    if (datagramsSent === 0) return reason;
    return new OpError('ERR_ABORTED', 'aborted', { ...this.details('write'), cause: reason, datagramsSent });
  }

  /** @internal */
  accepted(): never {
    throw new Error('a datagram socket accepts nothing');
  }
}
