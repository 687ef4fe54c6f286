import { DatagramBlock } from '../../datagram-block.ts';
import type {
  DatagramDriver,
  DatagramOption,
  DatagramSocket,
  Membership,
  RawAddress,
} from '../../datagram-driver.ts';
import { EAGAIN, ENOTSUP } from '../../errno.ts';
import { PortableDatagram } from './datagram.ts';
import type { Host } from './host.ts';

/** Datagrams that one completion brings at most, and their bytes: one of the largest has room in any case. */
const CAPACITY = 32;
const INBOUND_SIZE = 128 * 1024;

/** Where the driver keeps its sockets. */
export interface Slots {
  /** A slot for what `make` makes, or a negated errno. */
  open(make: (slot: number, generation: number) => PortableDatagram): number;
  at(slot: number): PortableDatagram;
}

/** The datagram sockets of the portable driver: no batches in one call, no paths. */
export class PortableDatagrams implements DatagramDriver {
  readonly inbound = new DatagramBlock(CAPACITY, INBOUND_SIZE);
  /** Nothing is sent from there. */
  readonly outbound = new DatagramBlock(0, 0);
  readonly #host: Host;
  readonly #slots: Slots;

  constructor(host: Host, slots: Slots) {
    this.#host = host;
    this.#slots = slots;
  }

  open(socket: DatagramSocket): number {
    if (socket.kind === 'unixgram' || socket.peerErrors) return -ENOTSUP;
    const slot = this.#slots.open(
      (slot, generation) => new PortableDatagram(this.#host, slot, generation, this.inbound, socket),
    );
    if (slot >= 0) this.#slots.at(slot).open(socket);
    return slot;
  }

  receive(slot: number): void {
    this.#slots.at(slot).receive();
  }

  tryReceive(slot: number, most: number): number {
    return this.#slots.at(slot).tryReceive(most);
  }

  send(slot: number, p: Uint8Array, to: RawAddress | null): void {
    this.#slots.at(slot).send(p, to);
  }

  trySend(): number {
    return -EAGAIN;
  }

  trySendBatch(): number {
    return -EAGAIN;
  }

  takeError(): null {
    return null;
  }

  setOption(slot: number, option: DatagramOption, value: number): number {
    return this.#slots.at(slot).setOption(option, value);
  }

  setMembership(slot: number, join: boolean, membership: Membership): number {
    return this.#slots.at(slot).setMembership(join, membership);
  }

  addressOf(slot: number, end: 'local' | 'remote'): RawAddress | null {
    return this.#slots.at(slot).addressOf(end);
  }
}
