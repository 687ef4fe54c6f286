import type { Alarm } from './alarm.ts';
import type { DatagramDriver } from './datagram-driver.ts';
import type { LeaseDriver } from './lease.ts';
import type { Splice, SpliceOutcome } from './splice.ts';
import type { UnixDriver } from './unix-driver.ts';

/**
 * The contract between `FD` and whatever moves the bytes: epoll, io_uring, Node's own handles, or the fake of the
 * tests. It is completion-shaped: an operation is begun, and some time later its completion arrives, exactly once.
 *
 * **Handles.** A descriptor is a *slot*, a small dense number below `slotCount`, and a *generation* that tells the
 * successive owners of a slot apart. Completions carry both; one whose generation is not the slot's current one is
 * stale and is dropped by the receiver.
 *
 * **Operations.** The token of an operation is (slot, generation, op): of each op at most one is in flight per
 * slot, and of `recv`, `readable`, `stream` and `accept` together at most one, too; `shutdown` may be begun once for each
 * direction, and these two complete in their order. Every method of this group begins one and
 * returns at once; what the kernel refuses is reported by the completion.
 * - Every begun operation completes exactly once, also when it was cancelled: with `-ECANCELED`, or with its result
 *   when that was faster. Nothing completes inside the call that begins, cancels or closes.
 * - `close` cancels what is in flight; its own completion is the slot's last one, and then the descriptor is
 *   really closed and the slot may come back with another generation.
 * - `result` is a count, a slot or 0, and negative for a negated errno (see errno.ts).
 * - `stream` is an interest, not an operation: it is switched on and off, and to switch it off completes nothing.
 *   While it is on, and neither `recv`, `readable` nor `accept` is in flight, whatever arrives is received and told as
 *   completions of OP_STREAM, with `more` until the end (0) or an error, which switch it off. While it is off nothing
 *   is received: bytes stay in the kernel, or pause their sender. What had been received before it was switched off
 *   may still come, at most once. A stream has at most one receive in each round: who sends without end does not keep
 *   the others waiting, and what a receive has left needs no new event (level-triggered, whatever the driver does).
 * - A completion of a multishot operation carries `more`: further ones follow without a new call. Only `accept` and
 *   `recv` may do that, and only on a driver that says so by the capability 'multishot'; `stream` always does.
 *
 * **Memory.** Between begin and completion the caller lends no memory: `recv` delivers into the driver's `slab`, at
 * `offset`, and those bytes are the receiver's only until `complete` returns (copy them, there). Methods with a
 * Uint8Array argument use it inside the call only.
 *
 * **Sending.** `stage` copies bytes behind the slot's outbound chain. The driver hands chains to the kernel in
 * order, whole: at the latest when the current round of goroutines is through, always before the event loop
 * sleeps, and when the process or the worker exits. What the kernel does not take stays in the chain; the driver
 * goes on as soon as it can and keeps the event loop alive for it. The caller bounds the chain
 * (`outboundLength`) and learns of progress by `drain`. When the kernel refuses for good, the chain is dropped and
 * `fault` is called once with the errno and the bytes that never went; a `drain` in flight completes with it, too.
 *
 * **Synchronous attempts.** `tryAccept`, `tryReceive`, `tryReceiveInto`, `trySend`, `trySendVector`, `flushNow` and `poll` exist for
 * speed. A driver that cannot do one answers `-EAGAIN` (`poll`: false), and the caller parks.
 *
 * **The event loop.** Operations in flight alone keep nothing alive: `hold` and `release` count the reasons to stay.
 */
export interface Driver {
  readonly name: string;
  readonly capabilities: ReadonlySet<Capability>;
  readonly slotCount: number;
  /** Where received bytes lie. Ask for it anew each time: not every driver has only one. */
  readonly slab: Uint8Array;

  /** Where completions go. Called once, before anything else. */
  start(receiver: CompletionReceiver): void;

  /** Opens a listening socket: a slot, completed by `listen`, or a negated errno. `host` is numeric. */
  listen(host: string, port: number, options: ListenSocketOptions): number;
  /** Opens a socket and connects it: a slot, completed by `connect`, or a negated errno. Hosts are numeric. */
  connect(
    host: string,
    port: number,
    local: { host: string; port: number } | null,
    options?: ConnectSocketOptions,
  ): number;
  generationOf(slot: number): number;

  /** `result`: the slot of a new connection, `offset`: its generation. */
  accept(slot: number): void;
  /** `result`: bytes received, 0 at the end of the stream. At least `wanted` are asked for where that fits. */
  recv(slot: number, wanted: number): void;
  /**
   * The interest `stream`: on, `wanted` bytes at a time (a hint, which may change at any time), or off with 0.
   * OP_STREAM's `result` and `offset` are those of `recv`. With the capability 'direct', and -1 as `wanted`, nothing
   * is received: OP_FETCH tells that something is there, and within `complete` the receiver may take it by
   * `tryReceiveInto` (at the end or an error it switches the stream off itself). What it leaves is told again.
   */
  stream(slot: number, wanted: number): void;
  /** Completes with 0 when a receive would find bytes, the end or an error. Consumes nothing. */
  readable(slot: number): void;
  /**
   * Completes with 0 when `trySend` would find room, or an error. Only while nothing is outbound, and nothing is
   * staged until it has completed or was cancelled: a chain that waits for room has `drain`.
   */
  writable(slot: number): void;
  /** Completes with 0 as soon as at most `level` bytes are outbound, or with the fault that dropped them. */
  drain(slot: number, level: number): void;
  /** Shuts one direction down. For 'write' the caller has drained before. */
  shutdown(slot: number, how: 'read' | 'write'): void;
  /** Drops what is still outbound, cancels everything, closes. */
  close(slot: number): void;
  cancel(slot: number, op: Op): void;

  /** False: a receive or an accept would surely find nothing now. */
  mayBeReadable(slot: number): boolean;
  /** 1 when bytes wait, 0 at the end of the stream, else a negated errno. Consumes nothing. */
  peek(slot: number): number;
  tryAccept(slot: number): number;
  /** Receives at most `most` bytes into the slab at `receivedAt`: how many, 0 at the end, or a negated errno. */
  tryReceive(slot: number, most: number): number;
  readonly receivedAt: number;
  /** The same straight into `p`. */
  tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number;
  /** Sends straight from `p`; only while nothing is outbound. */
  trySend(slot: number, p: Uint8Array, from: number, to: number): number;
  /**
   * The same for `buffers[first]` from byte `from` on and all buffers behind it, in one system call and without a
   * copy: how many bytes went, 0 when there are none, or a negated errno. Takes at most 1024 buffers that are not
   * empty; a count that ends exactly behind these says nothing about the rest.
   */
  trySendVector(slot: number, buffers: readonly Uint8Array[], first: number, from: number): number;

  /** Copies `p[from, to)` behind the chain. */
  stage(slot: number, p: Uint8Array, from: number, to: number): void;
  outboundLength(slot: number): number;
  /** Hands this chain to the kernel now, as far as it takes it. A fault is reported as ever. */
  flushNow(slot: number): void;
  /** Hands all chains to the kernel now. */
  flush(): void;
  /** One non-blocking pass over everything that is ready; its completions are delivered before this returns. */
  poll(): boolean;

  /**
   * With the capability 'sendFile': a thread of Node's sends at most `length` bytes of a regular file, whose descriptor must
   * stay open until `done` is called, with the count and 0 or the errno that ended it (`EAGAIN`: the socket is full,
   * and `writable` will tell). 0, or a negated errno: then `done` is not called. Only while nothing is outbound, and
   * nothing is staged and no other send begun before `done`; `close` may come at any time.
   */
  sendFile?(
    slot: number,
    file: number,
    offset: number,
    length: number,
    done: (count: number, errno: number) => void,
  ): number;

  /**
   * Makes poller sets until there are `count`, as far as the driver can, and says how many there are now (1 at least,
   * never fewer than before). Every slot begins in set 0. Each set has its own bounded batch; they are drained in turn.
   */
  pollers(count: number): number;
  /** Moves a slot to a poller set below `pollers`: 0 or a negated errno. Nothing that has arrived is lost. */
  assign(slot: number, poller: number): number;

  /**
   * With the capability 'splice': moves at most `most` bytes from one slot to another inside the kernel, without
   * waiting: first what `splice` still holds, then what has come in. Tells in `splice` how many, and how it ended (see
   * splice.ts). It moves a bounded number at a time. Only while nothing is outbound at `to` and nothing inbound in
   * flight at `from`. A `from` of -1 with a `most` of 0 delivers what is held: the source may have gone.
   */
  trySplice?(from: number, to: number, most: number, splice: Splice): SpliceOutcome;
  /** Gives up what it holds. To be called once with each `splice` that was used. */
  endSplice?(splice: Splice): void;

  /** A socket option, by its name in options.ts: 0 or a negated errno (`-ENOTSUP`: this driver lacks it). */
  setOption(slot: number, option: SocketOption, value: number, second?: number): number;
  getOption(slot: number, option: SocketOption): number;
  localAddress(slot: number): SocketAddress | null;
  remoteAddress(slot: number): SocketAddress | null;
  /**
   * An IPv4 peer as one number, `address * 65536 + port`, also where IPv6 has it mapped; -1: another one, or it is not
   * known without a system call. It says the same when the slot is gone, and costs next to nothing.
   */
  peerNumber?(slot: number): number;

  /** With the capability 'tcpInfo': the kernel's `struct tcp_info` into `out`: its length, or a negated errno. */
  tcpInfo?(slot: number, out: Uint8Array): number;
  /** With the capability 'multipath': whether both ends agreed on it. */
  isMultipath?(slot: number): boolean;

  /** With the capability 'datagrams': the other half of this contract, for datagram sockets. */
  readonly datagrams?: DatagramDriver;
  /** With the capability 'unix': connections over Unix sockets. */
  readonly unix?: UnixDriver;

  /** With the capability 'leases': connections change threads. */
  readonly leases?: LeaseDriver;

  /**
   * With the capability 'inherit': takes over a listening socket, TCP or Unix, that this process was given by its
   * descriptor: a slot, completed as by `listen`, or a negated errno, and then the descriptor is still the caller's.
   */
  inherit?(descriptor: number): number;

  /**
   * With the capability 'pipes': waits for a pipe or FIFO from now on, which must not block: a slot, or a negated
   * errno. The descriptor stays the caller's, to be closed when the slot's `close` has completed, and not before. Bytes
   * go by `trySend` and `trySplice` only; nothing may be staged. A FIFO that nobody has
   * opened to write yet has neither bytes nor an end.
   */
  borrowPipe?(descriptor: number): number;

  /**
   * With the capability 'alarm': calls `onDue` when its instant has come, microseconds later and never before, again and
   * again until it sets another one. Events of the network have their turn between two calls. The event loop does not
   * sleep during the last `close` milliseconds, which keeps a core busy: a thread that sleeps takes its time to wake up, above
   * all on a virtual machine. Alone it keeps nothing alive. Or a negated errno.
   */
  alarm?(onDue: () => void, close: number): Alarm | number;

  hold(): void;
  release(): void;
}

/** Takes what a driver has to tell. None of its methods throws. */
export interface CompletionReceiver {
  complete(op: Op, slot: number, generation: number, result: number, offset: number, more: boolean): void;
  fault(slot: number, generation: number, errno: number, bytesUnsent: number): void;
  /** A round of completions begins: the goroutines they wake run when the driver returns to the event loop. */
  round(): void;
}

export type Op =
  | typeof OP_LISTEN
  | typeof OP_CONNECT
  | typeof OP_ACCEPT
  | typeof OP_RECV
  | typeof OP_READABLE
  | typeof OP_WRITABLE
  | typeof OP_DRAIN
  | typeof OP_SHUTDOWN
  | typeof OP_CLOSE
  | typeof OP_TRANSFER
  | typeof OP_STREAM
  | typeof OP_FETCH
  | typeof OP_DATAGRAMS
  | typeof OP_SEND;

export const OP_LISTEN = 1;
export const OP_CONNECT = 2;
export const OP_ACCEPT = 3;
export const OP_RECV = 4;
export const OP_READABLE = 5;
export const OP_WRITABLE = 6;
export const OP_DRAIN = 7;
export const OP_SHUTDOWN = 8;
export const OP_CLOSE = 9;
/** Not the driver's: a thread moves bytes to the socket (transfer-waiter.ts). */
export const OP_TRANSFER = 10;
/** What an interest `stream` brings. */
export const OP_STREAM = 11;
export const OP_FETCH = 12;
/** A receive and a send of a datagram socket (datagram-driver.ts). */
export const OP_DATAGRAMS = 13;
export const OP_SEND = 14;

/** What not every driver can do. A call that needs a missing one rejects with UnsupportedError. */
export type Capability =
  /** `tryReceiveInto`, `trySend` and `trySendVector` move bytes without a detour through the slab. */
  | 'direct'
  /** `poll` works: a stalled loop can look once more before it lets a deadline strike. */
  | 'poll'
  | 'multishot'
  /** Connections that nobody accepts wait in the kernel, at most `backlog` of them, and cost no descriptor. */
  | 'backlog'
  /** The `bytesUnsent` of a fault is exact. Without it, it is the most that may be missing. */
  | 'unsentCount'
  /** Also a worker that is terminated from outside hands its chains to the kernel. */
  | 'terminate'
  | 'reusePort'
  | 'linger'
  | 'bufferSizes'
  | 'keepAliveInterval'
  | 'localAddress'
  | 'closeRead'
  /** Files go to a connection inside the kernel: there is `sendFile`. */
  | 'sendFile'
  /** Bytes go from one connection to another inside the kernel: there are `trySplice` and `endSplice`. */
  | 'splice'
  /** Pipes and FIFOs have slots: there is `borrowPipe`. */
  | 'pipes'
  /** There is `datagrams`. */
  | 'datagrams'
  /** Datagrams go in the call itself, several in one system call: `trySend` and `trySendBatch` of `datagrams` work. */
  | 'datagramBatch'
  /** Datagram sockets on paths. */
  | 'unixgram'
  /** `takeError` of `datagrams`: ICMP errors of unconnected sockets. */
  | 'peerErrors'
  /** There is `unix`. */
  | 'unix'
  /** Unix sockets whose messages have bounds. */
  | 'unixpacket'
  /** Abstract names of Unix sockets, as other programs see them. */
  | 'unixAbstract'
  /** A Unix socket that connects may have a name of its own. */
  | 'unixLocalAddress'
  /** `credentials` of `unix`. */
  | 'peerCredentials'
  /** There is `inherit`. */
  | 'inherit'
  /** The option 'trafficClass4' and its sister. */
  | 'trafficClass'
  | 'userTimeout'
  | 'fastOpen'
  /** There are `isMultipath`, and connections that are. */
  | 'multipath'
  /** There is `tcpInfo`. */
  | 'tcpInfo'
  /** There is `leases`. */
  | 'leases'
  /** Instants are met to the microsecond: there is `alarm`. */
  | 'alarm';

export type SocketOption =
  | 'noDelay'
  | 'keepAlive'
  | 'keepAliveIdle'
  | 'keepAliveInterval'
  | 'keepAliveCount'
  | 'linger'
  | 'readBuffer'
  | 'writeBuffer'
  /** The byte of IPv4 and of IPv6 packets that carries their class. */
  | 'trafficClass4'
  | 'trafficClass6'
  /** Milliseconds. */
  | 'userTimeout'
  /** Of a listener: how many connections may be in it. */
  | 'fastOpen';

export interface ListenSocketOptions {
  readonly backlog: number;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  /** With the capability 'multipath': over several paths, where the kernel has that and the other end agrees. */
  readonly multipath?: boolean;
}

export interface ConnectSocketOptions {
  /** As that of a listener. */
  readonly multipath?: boolean;
}

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}
