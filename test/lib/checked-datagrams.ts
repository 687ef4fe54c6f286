import { D_FAMILY, D_LENGTH, D_OFFSET, D_SIZE, type DatagramBlock } from '#dist/poll/datagram-block.js';
import type {
  DatagramDriver,
  DatagramOption,
  DatagramSocket,
  Membership,
  RawAddress,
} from '#dist/poll/datagram-driver.js';
import { OP_DATAGRAMS, OP_LISTEN, OP_SEND, type Op } from '#dist/poll/driver.js';

/** What it asks of the CheckedDriver that it is a part of. */
export interface Checks {
  opened(slot: number, op: Op): number;
  begin(slot: number, op: Op, begin: () => void): void;
  noneInFlight(slot: number, call: string): void;
  sends(slot: number): boolean;
  isOpen(slot: number, call: string): void;
  call<T>(name: string, run: () => T): T;
  violation(text: string): void;
}

/** Sits between the datagram half of a driver and its caller and holds both to src/poll/datagram-driver.ts. */
export class CheckedDatagrams implements DatagramDriver {
  readonly #driver: DatagramDriver;
  readonly #checks: Checks;

  constructor(driver: DatagramDriver, checks: Checks) {
    this.#driver = driver;
    this.#checks = checks;
  }

  get inbound(): DatagramBlock {
    return this.#driver.inbound;
  }

  get outbound(): DatagramBlock {
    return this.#driver.outbound;
  }

  open(socket: DatagramSocket): number {
    if (socket.local === null && socket.remote === null)
      this.#checks.violation('a datagram socket without ends');
    return this.#checks.opened(
      this.#checks.call('open', () => this.#driver.open(socket)),
      OP_LISTEN,
    );
  }

  receive(slot: number): void {
    this.#checks.begin(slot, OP_DATAGRAMS, () => this.#driver.receive(slot));
  }

  tryReceive(slot: number, most: number): number {
    this.#checks.noneInFlight(slot, 'tryReceive');
    const count = this.#checks.call('tryReceive', () => this.#driver.tryReceive(slot, most));
    if (count === 0 || count > most) this.#checks.violation(`tryReceive gave ${count}, of at most ${most}`);
    this.look(count);
    return count;
  }

  /** What a receive says it has brought must be there. */
  look(count: number): void {
    const { words, data, count: capacity } = this.inbound;
    if (count > capacity) this.#checks.violation(`${count} datagrams in a block for ${capacity}`);
    for (let i = 0; i < Math.min(count, capacity); i++) {
      const offset = words[i * D_SIZE + D_OFFSET]!;
      const length = words[i * D_SIZE + D_LENGTH]!;
      if (offset < 0 || length < 0 || offset + length > data.length)
        this.#checks.violation(`a datagram of ${length} bytes at ${offset}`);
      if (![0, 1, 4, 6].includes(words[i * D_SIZE + D_FAMILY]!)) this.#checks.violation('an unknown family');
    }
  }

  send(slot: number, p: Uint8Array, to: RawAddress | null): void {
    this.#checks.begin(slot, OP_SEND, () => this.#driver.send(slot, p, to));
  }

  trySend(slot: number, p: Uint8Array, to: RawAddress | null): number {
    this.#checks.isOpen(slot, 'trySend');
    // It would overtake.
    if (this.#checks.sends(slot)) this.#checks.violation(`trySend of slot ${slot} beside a send`);
    const sent = this.#checks.call('trySend', () => this.#driver.trySend(slot, p, to));
    if (sent >= 0 && sent !== p.length) this.#checks.violation(`trySend sent ${sent} of ${p.length} bytes`);
    return sent;
  }

  trySendBatch(slot: number, count: number): number {
    this.#checks.isOpen(slot, 'trySendBatch');
    if (count < 1 || count > this.outbound.count) this.#checks.violation(`a batch of ${count}`);
    if (this.#checks.sends(slot)) this.#checks.violation(`trySendBatch of slot ${slot} beside a send`);
    const sent = this.#checks.call('trySendBatch', () => this.#driver.trySendBatch(slot, count));
    if (sent === 0 || sent > count) this.#checks.violation(`trySendBatch sent ${sent} of ${count}`);
    return sent;
  }

  takeError(slot: number): { readonly errno: number; readonly address: RawAddress } | null {
    this.#checks.isOpen(slot, 'takeError');
    return this.#driver.takeError(slot);
  }

  setOption(slot: number, option: DatagramOption, value: number): number {
    this.#checks.isOpen(slot, 'setOption');
    return this.#driver.setOption(slot, option, value);
  }

  setMembership(slot: number, join: boolean, membership: Membership): number {
    this.#checks.isOpen(slot, 'setMembership');
    return this.#driver.setMembership(slot, join, membership);
  }

  addressOf(slot: number, end: 'local' | 'remote'): RawAddress | null {
    this.#checks.isOpen(slot, 'addressOf');
    return this.#driver.addressOf(slot, end);
  }
}
