import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { D_LENGTH, D_OFFSET, D_SEGMENT, D_SIZE, type DatagramBlock } from '../../datagram-block.ts';
import type { DatagramOption, DatagramSocket, Membership, RawAddress } from '../../datagram-driver.ts';
import { OP_DATAGRAMS, OP_LISTEN, OP_SEND, type Op, type SocketAddress } from '../../driver.ts';
import { EAFNOSUPPORT, EAGAIN, ECANCELED, EDESTADDRREQ, EINVAL, ENOTSUP } from '../../errno.ts';
import { zoneOf } from '../../zones.ts';
import { addressText, portOf, rawAddress, scopeOfRaw } from './datagram-addresses.ts';
import type { Host } from './host.ts';

/**
 * Node's datagram sockets cannot be told to stop: what nobody receives waits here as far as that, and is dropped
 * beyond, as the system does with its own queue.
 */
const MOST_DATAGRAMS = 256;
const MOST_BYTES = 256 * 1024;

interface Arrived {
  readonly bytes: Uint8Array;
  readonly from: RawAddress;
}

function errnoOf(error: unknown): number {
  const { errno } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' && errno !== 0 ? Math.abs(errno) : EINVAL;
}

/** 0, or the negated errno that `set` threw. */
function attempt(set: () => unknown): number {
  try {
    set();
    return 0;
  } catch (error) {
    return -errnoOf(error);
  }
}

/** One UDP socket on a `dgram.Socket`. */
export class PortableDatagram {
  readonly kind = 'datagram';
  readonly slot: number;
  readonly generation: number;
  readonly #host: Host;
  readonly #inbound: DatagramBlock;
  readonly #socket: Socket;
  readonly #is6: boolean;
  #connected = false;
  #opening = true;
  #receiving = false;
  #scheduled = false;
  readonly #deliverLater = () => {
    this.#scheduled = false;
    this.#deliver();
  };
  /** Tells the send in flight from those that were cancelled. */
  #send = 0;
  #sending = false;
  #closing = false;
  #queue: Arrived[] = [];
  #queued = 0;
  /** An error that nobody has been told of. */
  #failure = 0;

  constructor(host: Host, slot: number, generation: number, inbound: DatagramBlock, asked: DatagramSocket) {
    this.#host = host;
    this.slot = slot;
    this.generation = generation;
    this.#inbound = inbound;
    this.#is6 = asked.kind === 'udp6';
    const options = {
      type: asked.kind as 'udp4' | 'udp6',
      reuseAddr: asked.reuseAddress,
      ipv6Only: this.#is6 && asked.ipv6Only,
      reusePort: asked.reusePort,
    };
    this.#socket = createSocket(options);
    this.#socket
      .on('message', (bytes, from) => this.#arrived(bytes, from))
      .on('error', (error) => this.#failed(errnoOf(error)))
      .unref();
  }

  open({ local, remote }: DatagramSocket): void {
    const { setBroadcast } = this.#socket;
    const bound = () => {
      setBroadcast.call(this.#socket, true);
      if (remote === null) this.#opened(0);
      else connect();
    };
    const connect = () =>
      this.#socket.connect(portOf(remote!), addressText(remote!, this.#is6), (error?: Error) => {
        if (error === undefined || error === null) {
          this.#connected = true;
          this.#opened(0);
        } else {
          this.#opened(-errnoOf(error));
        }
      });
    const address = local === null ? (this.#is6 ? '::' : '0.0.0.0') : addressText(local, this.#is6);
    this.#socket.bind({ port: local === null ? 0 : portOf(local), address, exclusive: true }, bound);
  }

  #opened(result: number): void {
    if (!this.#opening) return;
    this.#opening = false;
    this.#host.complete(OP_LISTEN, this, result);
  }

  #failed(errno: number): void {
    if (this.#opening) {
      this.#opened(-errno);
      return;
    }
    this.#failure = errno;
    if (this.#receiving) this.#deliver();
  }

  // Receiving

  #arrived(bytes: Uint8Array, from: RemoteInfo): void {
    if (this.#closing) return;
    const arrived = { bytes, from: rawAddress(from.address, from.port) };
    if (
      !this.#receiving &&
      (this.#queue.length >= MOST_DATAGRAMS || this.#queued + bytes.length > MOST_BYTES)
    ) {
      return;
    }
    this.#queue.push(arrived);
    this.#queued += bytes.length;
    if (!this.#receiving || this.#scheduled) return;
    // Behind the poll phase: what else it brings comes in the same go.
    this.#scheduled = true;
    setImmediate(this.#deliverLater);
  }

  get mayBeReadable(): boolean {
    return this.#queue.length > 0 || this.#failure !== 0;
  }

  receive(): void {
    this.#receiving = true;
    if (this.mayBeReadable) this.#host.later(this, () => this.#deliver());
  }

  #deliver(): void {
    if (!this.#receiving || !this.mayBeReadable) return;
    this.#receiving = false;
    this.#host.complete(OP_DATAGRAMS, this, this.tryReceive(this.#inbound.count));
  }

  tryReceive(most: number): number {
    if (this.#queue.length === 0) {
      const failure = this.#failure;
      this.#failure = 0;
      return failure === 0 ? -EAGAIN : -failure;
    }
    const block = this.#inbound;
    block.evict();
    const { words, data } = block;
    let count = 0;
    let at = 0;
    for (const { bytes, from } of this.#queue) {
      if (count === most || at + bytes.length > data.length) break;
      data.set(bytes, at);
      words[count * D_SIZE + D_OFFSET] = at;
      words[count * D_SIZE + D_LENGTH] = bytes.length;
      words[count * D_SIZE + D_SEGMENT] = 0;
      block.setAddress(count, from);
      at += bytes.length;
      count++;
    }
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count);
    this.#queued -= at;
    return count;
  }

  // Sending

  send(p: Uint8Array, to: RawAddress | null): void {
    const send = ++this.#send;
    this.#sending = true;
    const done = (error: Error | null, bytes: number) => {
      if (send !== this.#send || !this.#sending) return;
      this.#sending = false;
      this.#host.complete(OP_SEND, this, error === null || error === undefined ? bytes : -errnoOf(error));
    };
    const refused =
      to === null ? (this.#connected ? 0 : EDESTADDRREQ) : to[0] === 6 && !this.#is6 ? EAFNOSUPPORT : 0;
    if (refused !== 0) {
      this.#host.later(this, () => done(Object.assign(new Error(), { errno: refused }), 0));
      return;
    }
    const copy = new Uint8Array(p);
    if (to === null) this.#socket.send(copy, done);
    else this.#socket.send(copy, portOf(to), addressText(to, this.#is6), done);
  }

  // Options and addresses

  setOption(option: DatagramOption, value: number): number {
    const socket = this.#socket;
    switch (option) {
      case 'readBuffer':
        return attempt(() => socket.setRecvBufferSize(value));
      case 'writeBuffer':
        return attempt(() => socket.setSendBufferSize(value));
      case 'broadcast':
        return attempt(() => socket.setBroadcast(value !== 0));
      case 'hops':
        return attempt(() => socket.setTTL(value));
      case 'multicastHops':
        return attempt(() => socket.setMulticastTTL(value));
      case 'multicastLoop':
        return attempt(() => socket.setMulticastLoopback(value !== 0));
      case 'multicastInterface':
        return attempt(() => socket.setMulticastInterface(interfaceAddress(value, this.#is6)));
      default:
        return -ENOTSUP;
    }
  }

  setMembership(join: boolean, { group, interface: index, source }: Membership): number {
    const socket = this.#socket;
    // Of a dual-stack socket the system takes groups of either family, Node does not.
    if ((group[0] === 6) !== this.#is6) return -ENOTSUP;
    const text = addressText(group, false);
    const on = index === 0 && scopeOfRaw(group) === 0 ? undefined : interfaceAddress(index, this.#is6);
    if (source === null) {
      return attempt(() => (join ? socket.addMembership(text, on) : socket.dropMembership(text, on)));
    }
    const from = addressText(source, false);
    return attempt(() =>
      join
        ? socket.addSourceSpecificMembership(from, text, on)
        : socket.dropSourceSpecificMembership(from, text, on),
    );
  }

  addressOf(end: 'local' | 'remote'): RawAddress | null {
    if (this.#closing) return null;
    try {
      const { address, port } = end === 'local' ? this.#socket.address() : this.#socket.remoteAddress();
      return rawAddress(address, port);
    } catch {
      // Not bound, or not connected.
      return null;
    }
  }

  // Ending

  cancel(op: Op): void {
    if (op === OP_DATAGRAMS && this.#receiving) this.#receiving = false;
    else if (op === OP_SEND && this.#sending) this.#sending = false;
    else if (op === OP_LISTEN && this.#opening) this.#opening = false;
    else return;
    this.#host.post(op, this, -ECANCELED);
  }

  close(): void {
    this.#closing = true;
    for (const op of [OP_LISTEN, OP_DATAGRAMS, OP_SEND] as const) this.cancel(op);
    this.#queue = [];
    const closed = () => this.#host.closed(this, true);
    // One that never came to be bound tells nobody of its end.
    if (attempt(() => this.#socket.close(closed)) !== 0) setImmediate(closed);
  }

  // What a stream has: nothing is ever outbound here, and addresses are `addressOf`'s.

  readonly outboundLength = 0;
  readonly local: SocketAddress | null = null;
  flush(): void {}
}

/** How Node names an interface to join on: by an address of it for IPv4, by its zone for IPv6. */
function interfaceAddress(index: number, is6: boolean): string {
  if (index === 0) return is6 ? '::' : '0.0.0.0';
  const name = zoneOf(index);
  if (is6) return `::%${name}`;
  const found = networkInterfaces()[name]?.find(({ family }) => family === 'IPv4');
  return found?.address ?? name;
}
