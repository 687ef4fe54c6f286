import { constants } from 'node:os';
import { D_LENGTH, D_OFFSET, D_SEGMENT, D_SIZE, DatagramBlock } from '#dist/poll/datagram-block.js';
import type { DatagramDriver, DatagramSocket, RawAddress } from '#dist/poll/datagram-driver.js';
import { OP_DATAGRAMS, OP_LISTEN, OP_SEND, type Op } from '#dist/poll/driver.js';

const { EADDRINUSE, EAGAIN, ECONNREFUSED, EDESTADDRREQ, EMSGSIZE } = constants.errno;
const LOOPBACK = 0x7f000001;
const LONGEST = 65_507;
/** What a socket takes for nobody; beyond that datagrams are dropped. */
const MOST_QUEUED = 100;

function addressAt(port: number): RawAddress {
  return Int32Array.of(4, port, LOOPBACK, 0, 0, 0, 0);
}

interface Socket {
  readonly slot: number;
  readonly port: number;
  readonly remote: number | null;
  readonly queue: { readonly bytes: Uint8Array; readonly from: number }[];
  failure: number;
  /** The bytes of a send in flight. */
  outgoing: { readonly p: Uint8Array; readonly to: RawAddress | null } | null;
}

/** What it asks of the FakeDriver that it is a part of. */
export interface FakeHost {
  readonly attempts: boolean;
  choose(count: number): number;
  /** A new slot. */
  open(): number;
  begin(slot: number, op: Op): void;
}

/**
 * UDP in memory, at its worst: it brings fewer datagrams than there are, has no answer to attempts now and then, and
 * overwrites what nobody has taken out in time.
 */
export class FakeDatagrams implements DatagramDriver {
  readonly inbound = new DatagramBlock(8, 8 * 65_536);
  readonly outbound = new DatagramBlock(8, 128 * 1024);
  readonly #host: FakeHost;
  readonly #sockets = new Map<number, Socket>();
  #nextPort = 2000;

  constructor(host: FakeHost) {
    this.#host = host;
  }

  open({ local, remote }: DatagramSocket): number {
    const asked = local === null ? 0 : local[1]!;
    if (asked !== 0 && this.#at(asked) !== undefined) return -EADDRINUSE;
    const slot = this.#host.open();
    const port = asked === 0 ? this.#nextPort++ : asked;
    const peer = remote === null ? null : remote[1]!;
    this.#sockets.set(slot, { slot, port, remote: peer, queue: [], failure: 0, outgoing: null });
    this.#host.begin(slot, OP_LISTEN);
    return slot;
  }

  #at(port: number): Socket | undefined {
    return [...this.#sockets.values()].find((socket) => socket.port === port);
  }

  closed(slot: number): void {
    this.#sockets.delete(slot);
  }

  // Receiving

  isReady(slot: number): boolean {
    const socket = this.#sockets.get(slot);
    return socket !== undefined && (socket.queue.length > 0 || socket.failure !== 0);
  }

  receive(slot: number): void {
    this.#host.begin(slot, OP_DATAGRAMS);
  }

  tryReceive(slot: number, most: number): number {
    if (!this.#host.attempts || this.#host.choose(6) === 0) return -EAGAIN;
    return this.#take(slot, most);
  }

  #take(slot: number, most: number): number {
    const socket = this.#sockets.get(slot)!;
    if (socket.failure !== 0) {
      const { failure } = socket;
      socket.failure = 0;
      return -failure;
    }
    if (socket.queue.length === 0) return -EAGAIN;
    const { words, data, count: capacity } = this.inbound;
    this.inbound.evict();
    data.fill(0xdd, 0, 4096);
    words.fill(0xdd);
    const count = 1 + this.#host.choose(Math.min(most, capacity, socket.queue.length));
    let at = this.#host.choose(1000);
    for (let i = 0; i < count; i++) {
      const { bytes, from } = socket.queue.shift()!;
      data.set(bytes, at);
      words[i * D_SIZE + D_OFFSET] = at;
      words[i * D_SIZE + D_LENGTH] = bytes.length;
      words[i * D_SIZE + D_SEGMENT] = 0;
      this.inbound.setAddress(i, addressAt(from));
      at += bytes.length;
    }
    return count;
  }

  /** An operation in flight has its result. */
  finish(op: Op, slot: number): number {
    if (op === OP_DATAGRAMS) return this.#take(slot, this.inbound.count);
    const socket = this.#sockets.get(slot)!;
    const { p, to } = socket.outgoing!;
    socket.outgoing = null;
    return this.#deliver(socket, p, to);
  }

  // Sending

  send(slot: number, p: Uint8Array, to: RawAddress | null): void {
    this.#sockets.get(slot)!.outgoing = { p: p.slice(), to: to === null ? null : to.slice() };
    this.#host.begin(slot, OP_SEND);
  }

  trySend(slot: number, p: Uint8Array, to: RawAddress | null): number {
    if (!this.#host.attempts || this.#host.choose(4) === 0) return -EAGAIN;
    return this.#deliver(this.#sockets.get(slot)!, p, to);
  }

  trySendBatch(slot: number, count: number): number {
    if (!this.#host.attempts || this.#host.choose(4) === 0) return -EAGAIN;
    const { words, data } = this.outbound;
    const most = 1 + this.#host.choose(count);
    for (let i = 0; i < most; i++) {
      const offset = words[i * D_SIZE + D_OFFSET]!;
      const p = data.subarray(offset, offset + words[i * D_SIZE + D_LENGTH]!);
      const address = this.outbound.addressAt(i);
      const result = this.#deliver(this.#sockets.get(slot)!, p, address[0] === 0 ? null : address);
      if (result < 0) return i === 0 ? result : i;
    }
    return most;
  }

  #deliver(sender: Socket, p: Uint8Array, to: RawAddress | null): number {
    const port = to === null ? sender.remote : to[1]!;
    if (port === null) return -EDESTADDRREQ;
    if (p.length > LONGEST) return -EMSGSIZE;
    const receiver = this.#at(port);
    if (receiver === undefined) {
      if (sender.remote !== null) sender.failure = ECONNREFUSED;
    } else if ((receiver.remote ?? sender.port) === sender.port && receiver.queue.length < MOST_QUEUED) {
      receiver.queue.push({ bytes: p.slice(), from: sender.port });
    }
    return p.length;
  }

  // The rest

  takeError(): null {
    return null;
  }

  setOption(): number {
    return 0;
  }

  setMembership(): number {
    return 0;
  }

  addressOf(slot: number, end: 'local' | 'remote'): RawAddress | null {
    const socket = this.#sockets.get(slot);
    const port = end === 'local' ? socket?.port : socket?.remote;
    return port === undefined || port === null ? null : addressAt(port);
  }
}
