import { now } from '../../../runtime/clock.ts';
import { type Timer, timers } from '../../../runtime/timers.ts';
import { DatagramBlock } from '../../datagram-block.ts';
import type {
  DatagramDriver,
  DatagramOption,
  DatagramSocket,
  Membership,
  RawAddress,
} from '../../datagram-driver.ts';
import { OP_DATAGRAMS, OP_LISTEN, OP_SEND, type Op } from '../../driver.ts';
import { EAGAIN, ECANCELED } from '../../errno.ts';
import { F_WANT_READABLE, F_WANT_WRITABLE } from './layout.ts';
import type { Native } from './native.ts';

/** Datagrams in one system call at most. */
const CAPACITY = 32;
/** No UDP datagram is longer; an odd number of cache lines, or all of them would want the same few places there. */
const PLACE_SIZE = 65_536 + 64;
/** Bytes of one batch that is sent. */
const OUTBOUND_SIZE = 128 * 1024;

/** Where the native part has its options, by their names. */
const DATAGRAM_OPTIONS: readonly DatagramOption[] = [
  'readBuffer',
  'writeBuffer',
  'broadcast',
  'hops',
  'multicastHops',
  'multicastLoop',
  'multicastInterface',
];
const OPEN_IPV6_ONLY = 1;
const OPEN_REUSE_ADDRESS = 2;
const OPEN_REUSE_PORT = 4;
const OPEN_PEER_ERRORS = 8;

const FAMILIES = { udp4: 4, udp6: 6, unixgram: 1 } as const;

/** How long to wait for room in another process's queue, of which no event tells: milliseconds, from first to longest. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 20;

/** What datagram sockets ask of their driver. */
export interface DatagramHost {
  mayBeReadable(slot: number): boolean;
  mayBeWritable(slot: number): boolean;
  want(slot: number, flag: number): void;
  unwant(slot: number, flag: number): void;
  complete(op: Op, slot: number, result: number): void;
  /** Outside the present call. */
  post(op: Op, slot: number, result: number): void;
  /** Runs `action` outside the present call, if the slot has the same owner by then. */
  attempt(slot: number, action: () => void): void;
}

/** A send that the kernel had no room for. */
class WaitingSend implements Timer {
  when = 0;
  index = -1;
  /** The caller holds the loop. */
  readonly holds = false;
  readonly p: Uint8Array;
  readonly to: RawAddress | null;
  pause = FIRST_PAUSE;
  readonly #again: () => void;

  constructor(p: Uint8Array, to: RawAddress | null, again: () => void) {
    this.p = new Uint8Array(p);
    this.to = to;
    this.#again = again;
  }

  fire(): void {
    this.#again();
  }
}

/** The datagram sockets of the epoll driver. Made with the first of them. */
export class EpollDatagrams implements DatagramDriver {
  readonly inbound = new DatagramBlock(CAPACITY, CAPACITY * PLACE_SIZE);
  readonly outbound = new DatagramBlock(CAPACITY, OUTBOUND_SIZE);
  readonly #native: Native;
  readonly #host: DatagramHost;
  readonly #receiving = new Set<number>();
  readonly #sends = new Map<number, WaitingSend>();
  /** Sockets that send to paths of their choice: of room there no event tells. */
  readonly #eventless = new Set<number>();

  constructor(native: Native, host: DatagramHost) {
    this.#native = native;
    this.#host = host;
    const { inbound, outbound } = this;
    const started = native.startDatagrams(
      inbound.words.buffer,
      inbound.data.buffer,
      outbound.words.buffer,
      outbound.data.buffer,
      CAPACITY,
      PLACE_SIZE,
    );
    if (started < 0) throw new Error(`no memory for datagrams (${started})`);
  }

  open(socket: DatagramSocket): number {
    const flags =
      (socket.ipv6Only ? OPEN_IPV6_ONLY : 0) |
      (socket.reuseAddress ? OPEN_REUSE_ADDRESS : 0) |
      (socket.reusePort ? OPEN_REUSE_PORT : 0) |
      (socket.peerErrors ? OPEN_PEER_ERRORS : 0);
    this.outbound.setAddress(0, socket.local);
    this.outbound.setAddress(1, socket.remote);
    const slot = this.#native.openDatagram(FAMILIES[socket.kind], flags, socket.mode);
    if (slot < 0) return slot;
    if (socket.kind === 'unixgram' && socket.remote === null) this.#eventless.add(slot);
    this.#host.post(OP_LISTEN, slot, 0);
    return slot;
  }

  // Receiving

  receive(slot: number): void {
    this.#receiving.add(slot);
    this.#host.want(slot, F_WANT_READABLE);
    if (this.#host.mayBeReadable(slot)) this.#host.attempt(slot, () => this.readable(slot));
  }

  /** Something may have come: for whoever waits. */
  readable(slot: number): void {
    if (!this.#receiving.has(slot)) return;
    const count = this.tryReceive(slot, CAPACITY);
    if (count === -EAGAIN) {
      this.#host.want(slot, F_WANT_READABLE);
      return;
    }
    this.#receiving.delete(slot);
    this.#host.unwant(slot, F_WANT_READABLE);
    this.#host.complete(OP_DATAGRAMS, slot, count);
  }

  tryReceive(slot: number, most: number): number {
    this.inbound.evict();
    return this.#native.receiveDatagrams(slot, most);
  }

  takeError(slot: number): { errno: number; address: RawAddress } | null {
    const errno = this.#native.takeDatagramError(slot);
    return errno === 0 ? null : { errno, address: this.outbound.addressAt(0) };
  }

  // Sending

  trySend(slot: number, p: Uint8Array, to: RawAddress | null): number {
    if (to === null) return this.#native.sendDatagram(slot, p, 0);
    this.outbound.setAddress(0, to);
    return this.#native.sendDatagram(slot, p, 1);
  }

  trySendBatch(slot: number, count: number): number {
    return this.#native.sendDatagrams(slot, count);
  }

  send(slot: number, p: Uint8Array, to: RawAddress | null): void {
    const waiting = new WaitingSend(p, to, () => this.writable(slot));
    this.#sends.set(slot, waiting);
    this.#host.want(slot, F_WANT_WRITABLE);
    if (this.#host.mayBeWritable(slot)) this.#host.attempt(slot, () => this.writable(slot));
    else if (this.#eventless.has(slot)) this.#pause(waiting);
  }

  /** There may be room. */
  writable(slot: number): void {
    const waiting = this.#sends.get(slot);
    if (waiting === undefined) return;
    const result = this.trySend(slot, waiting.p, waiting.to);
    if (result === -EAGAIN) {
      this.#host.want(slot, F_WANT_WRITABLE);
      if (this.#eventless.has(slot)) this.#pause(waiting);
      return;
    }
    this.#forget(slot, waiting);
    this.#host.complete(OP_SEND, slot, result);
  }

  #pause(waiting: WaitingSend): void {
    timers.set(waiting, now() + waiting.pause);
    waiting.pause = Math.min(2 * waiting.pause, LONGEST_PAUSE);
  }

  #forget(slot: number, waiting: WaitingSend): void {
    this.#sends.delete(slot);
    this.#host.unwant(slot, F_WANT_WRITABLE);
    timers.delete(waiting);
  }

  // Ending

  cancel(slot: number, op: Op): void {
    if (op === OP_DATAGRAMS && this.#receiving.delete(slot)) {
      this.#host.unwant(slot, F_WANT_READABLE);
      this.#host.post(OP_DATAGRAMS, slot, -ECANCELED);
    }
    if (op !== OP_SEND) return;
    const waiting = this.#sends.get(slot);
    if (waiting === undefined) return;
    this.#forget(slot, waiting);
    this.#host.post(OP_SEND, slot, -ECANCELED);
  }

  closing(slot: number): void {
    this.cancel(slot, OP_DATAGRAMS);
    this.cancel(slot, OP_SEND);
    this.#eventless.delete(slot);
  }

  // Options and addresses

  setOption(slot: number, option: DatagramOption, value: number): number {
    return this.#native.setDatagramOption(slot, DATAGRAM_OPTIONS.indexOf(option), value);
  }

  setMembership(slot: number, join: boolean, membership: Membership): number {
    this.outbound.setAddress(0, membership.group);
    this.outbound.setAddress(1, membership.source);
    return this.#native.setMembership(slot, join ? 1 : 0, membership.interface);
  }

  addressOf(slot: number, end: 'local' | 'remote'): RawAddress | null {
    const result = this.#native.datagramAddress(slot, end === 'remote' ? 1 : 0);
    return result < 0 ? null : this.outbound.addressAt(0);
  }
}
