import type { Closer } from '../io/index.ts';
import type { Addr } from './addr.ts';
import type { CallOptions, Conn } from './conn.ts';

/**
 * A datagram in a batch. The object and its buffer are the caller's: lent to a call until its promise settles, and
 * meant to be used again and again.
 *
 * @example
 * ```ts
 * import { type Datagram, listenPacket, type UDPAddr } from 'gopark/net';
 *
 * const messages = Array.from({ length: 32 }, (): Datagram<UDPAddr> => ({ data: new Uint8Array(1500), length: 0, addr: null }));
 * const conn = await listenPacket('udp', ':8125');
 * const n = await conn.receiveBatch(messages);
 * for (const { data, length, addr } of messages.slice(0, n)) console.log(String(addr), data.subarray(0, length));
 * ```
 */
export interface Datagram<A extends Addr = Addr> {
  /** The buffer: what is sent is its beginning, what is received goes there. */
  data: Uint8Array;
  /** How many bytes of `data` are the datagram. 0 is a datagram, too. */
  length: number;
  /** Where it goes (null: to the peer of a connected socket), or where it came from (null: from a nameless socket). */
  addr: A | null;
  /** Set by a receive: the datagram was longer than `data`, and the rest of it is lost. */
  truncated?: boolean;
}

/**
 * A socket for datagrams. Go: `net.PacketConn`.
 *
 * Any number of goroutines may use one at once: receives queue behind receives, sends behind sends. Deadlines, signals
 * and closing are those of Conn: see there. What the kernel has no room for when it arrives is lost, as ever with
 * datagrams; a receiver that is too slow costs datagrams, never memory.
 *
 * A datagram that is longer than the buffer is cut, silently, as in Go: `receiveBatch` tells by `truncated`. Buffers of
 * 65,535 bytes see every UDP datagram whole.
 *
 * @example
 * ```ts
 * import { listenPacket, type PacketConn } from 'gopark/net';
 *
 * async function echo(conn: PacketConn): Promise<void> {
 *   const p = new Uint8Array(65_535);
 *   for (;;) {
 *     const [n, from] = await conn.receive(p);
 *     if (from !== null) await conn.send(p.subarray(0, n), from);
 *   }
 * }
 * await echo(await listenPacket('udp', ':9000'));
 * ```
 */
export interface PacketConn<A extends Addr = Addr> extends Closer, AsyncDisposable {
  /**
   * Receives one datagram into `p`: how many of its bytes, and from whom. Waits for one. An empty `p` takes a datagram,
   * too, and drops its bytes.
   */
  receive(p: Uint8Array, options?: CallOptions): Promise<[n: number, from: A | null]>;
  /**
   * Sends `p` as one datagram to `to`: an address, or the text of one with a numeric host. Resolves with `p.length`
   * when the kernel has taken it, which says nothing about its arrival. An empty `p` is sent, too.
   */
  send(p: Uint8Array, to: A | string, options?: CallOptions): Promise<number>;
  /** Waits for one datagram and takes all that are there, at most as many as `messages`: how many, the first ones. */
  receiveBatch(messages: Datagram<A>[], options?: CallOptions): Promise<number>;
  /**
   * Sends the datagrams in their order, many in one system call: resolves with their number. An error says in
   * `datagramsSent` how many went before it.
   */
  sendBatch(messages: readonly Datagram<A>[], options?: CallOptions): Promise<number>;

  readonly localAddr: A;

  setDeadline(at: Date | null): void;
  setReadDeadline(at: Date | null): void;
  setWriteDeadline(at: Date | null): void;
  setTimeout(ms: number | null): void;
  setReadTimeout(ms: number | null): void;
  setWriteTimeout(ms: number | null): void;

  /** Wakes everybody with ClosedError, drops what was not received, and resolves when the descriptor is closed. */
  close(): Promise<void>;
  /** The same without waiting for it. Never fails, any number of times. */
  closeNow(): void;
  /** `close` for `await using`: one that is closed already is fine, too. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A connected one sends to its peer alone, and receives from nobody else. `read` resolves with 0 for an empty datagram,
 * and never with null: datagrams have no end.
 *
 * @example
 * ```ts
 * import { type ConnectedPacketConn, dial } from 'gopark/net';
 *
 * const conn: ConnectedPacketConn = await dial('udp', '127.0.0.1:9000');
 * conn.setReadTimeout(500);
 * await conn.write(new TextEncoder().encode('ping'));
 * console.log(await conn.read(new Uint8Array(1500)));
 * ```
 */
export interface ConnectedPacketConn<A extends Addr = Addr> extends Conn, PacketConn<A> {
  readonly localAddr: A;
  readonly remoteAddr: A;
  [Symbol.asyncDispose](): Promise<void>;
}
