import type { DatagramBlock } from './datagram-block.ts';

/**
 * The datagram half of the contract in driver.ts: what a driver with the capability 'datagrams' has in `datagrams`.
 * All that is said there of slots, operations, completions, memory and attempts holds here, too. A slot that `open`
 * gave is a datagram socket: of the operations there it takes `close` and `cancel` alone, nothing is ever outbound.
 *
 * **Addresses** are words (datagram-block.ts), never text. An IPv4 peer of a dual-stack socket is an IPv4 address; to
 * send to one, the driver makes of it what the socket needs.
 *
 * **Receiving.** Several datagrams come at a time: into `inbound`, where they lie until the driver needs the place.
 * Before it overwrites anything it calls `inbound.evict()`; whoever has left datagrams there takes them out then.
 *
 * **Sending.** A datagram goes whole or not at all, and nothing is kept back: `send` completes when the kernel has
 * taken it. What an ICMP message says of an earlier datagram is the error of the next operation of a connected socket.
 */
export interface DatagramDriver {
  /** Opens a socket, binds and connects it as asked: a slot, completed by `listen`, or a negated errno. */
  open(socket: DatagramSocket): number;

  /** Completes (`OP_DATAGRAMS`) with how many entries of `inbound` it has filled, at least one. Never `more`. */
  receive(slot: number): void;
  /** Fills at most `most` entries of `inbound`, from the first one on: how many, or a negated errno. */
  tryReceive(slot: number, most: number): number;
  readonly inbound: DatagramBlock;

  /** Sends a copy of `p` (`OP_SEND`), to the peer when `to` is null. Completes with the number of bytes. */
  send(slot: number, p: Uint8Array, to: RawAddress | null): void;
  /** The same at once, straight from `p`: `p.length`, or a negated errno. */
  trySend(slot: number, p: Uint8Array, to: RawAddress | null): number;
  /**
   * Sends the first `count` entries of `outbound`, which the caller has filled (bytes, offsets, lengths, addresses;
   * family 0: to the peer): how many went, at least one, or the negated errno that met the first.
   */
  trySendBatch(slot: number, count: number): number;
  readonly outbound: DatagramBlock;

  /** An error that an ICMP message brought for one peer of an unconnected socket; null: none is left. */
  takeError(slot: number): { readonly errno: number; readonly address: RawAddress } | null;

  /** 0 or a negated errno (`-ENOTSUP`: this driver lacks it). */
  setOption(slot: number, option: DatagramOption, value: number): number;
  setMembership(slot: number, join: boolean, membership: Membership): number;
  /** The address of one end; null: it has none. */
  addressOf(slot: number, end: 'local' | 'remote'): RawAddress | null;
}

/** The words of an address: see datagram-block.ts. */
export type RawAddress = Int32Array;

export interface DatagramSocket {
  readonly kind: 'udp4' | 'udp6' | 'unixgram';
  /** Of 'udp6': not for IPv4. */
  readonly ipv6Only: boolean;
  /** null: the kernel chooses when it has to. Of 'unixgram' with an empty path: a free abstract name. */
  readonly local: RawAddress | null;
  readonly remote: RawAddress | null;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  /** Of 'unixgram': the permissions of the path, -1: as the process makes files. */
  readonly mode: number;
  /** Have ICMP errors for `takeError`, of an unconnected socket. */
  readonly peerErrors: boolean;
}

/** `hops` is the TTL of IPv4, too. `multicastInterface` takes an index, 0: the system chooses. */
export type DatagramOption =
  | 'readBuffer'
  | 'writeBuffer'
  | 'broadcast'
  | 'hops'
  | 'multicastHops'
  | 'multicastLoop'
  | 'multicastInterface';

export interface Membership {
  readonly group: RawAddress;
  /** The index of the interface, 0: the system chooses. */
  readonly interface: number;
  /** Only datagrams of this source; null: of everybody. */
  readonly source: RawAddress | null;
}
