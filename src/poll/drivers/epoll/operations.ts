import { OP_ACCEPT, OP_CONNECT, OP_FETCH, OP_READABLE, OP_RECV, OP_WRITABLE, type Op } from '../../driver.ts';
import { EAGAIN, ECANCELED } from '../../errno.ts';
import {
  F_CONNECTING,
  F_NEWCOMER,
  F_READABLE,
  F_STREAM,
  F_WANT_ACCEPT,
  F_WANT_READABLE,
  F_WANT_RECV,
  F_WANT_WRITABLE,
  F_WRITABLE,
  S_FLAGS,
  S_GENERATION,
  S_WANT,
} from './layout.ts';
import { Outbound } from './outbound.ts';

/** An operation in flight is a flag in the slot's shared word; the native loop looks nowhere else. */
const WANTED: readonly (readonly [flag: number, op: Op])[] = [
  [F_WANT_RECV, OP_RECV],
  [F_WANT_READABLE, OP_READABLE],
  [F_WANT_ACCEPT, OP_ACCEPT],
  [F_WANT_WRITABLE, OP_WRITABLE],
  [F_CONNECTING, OP_CONNECT],
];

const ALL_WANTED = WANTED.reduce((all, [flag]) => all | flag, 0);

/** Begins operations, and completes those whose answer is there already: of that no event will tell. */
export abstract class Operations extends Outbound {
  accept(slot: number): void {
    if (this.mayBeReadable(slot)) this.attempt(slot, () => this.#acceptNow(slot));
    this.want(slot, F_WANT_ACCEPT);
  }

  recv(slot: number, wanted: number): void {
    this.words[this.base(slot) + S_WANT] = wanted;
    if (this.mayBeReadable(slot)) this.attempt(slot, () => this.#receiveNow(slot));
    this.want(slot, F_WANT_RECV);
  }

  readable(slot: number): void {
    if (this.mayBeReadable(slot)) this.attempt(slot, () => this.#peekNow(slot));
    this.want(slot, F_WANT_READABLE);
  }

  writable(slot: number): void {
    this.want(slot, F_WANT_WRITABLE);
    if (this.words[this.base(slot) + S_FLAGS]! & F_WRITABLE) {
      this.attempt(slot, () => this.completeWanted(slot, F_WANT_WRITABLE, OP_WRITABLE, 0, 0));
    }
  }

  stream(slot: number, wanted: number): void {
    const words = this.words;
    const base = this.base(slot);
    const flags = words[base + S_FLAGS]!;
    words[base + S_WANT] = wanted;
    if (wanted === 0) {
      words[base + S_FLAGS] = flags & ~F_STREAM;
    } else if (!(flags & F_STREAM)) {
      words[base + S_FLAGS] = flags | F_STREAM;
      // No event will tell of what is there already. Of a newcomer it is looked at anyway.
      if ((flags & (F_READABLE | F_NEWCOMER)) === F_READABLE) this.native.retry(slot);
    }
  }

  protected cancelWanted(slot: number, op: Op): void {
    for (const [flag, wanted] of WANTED) if (wanted === op) this.#cancel(slot, flag, op);
  }

  protected cancelAllWanted(slot: number): void {
    if (!(this.words[this.base(slot) + S_FLAGS]! & ALL_WANTED)) return;
    for (const [flag, op] of WANTED) this.#cancel(slot, flag, op);
  }

  #cancel(slot: number, flag: number, op: Op): void {
    const base = this.base(slot);
    if (!(this.words[base + S_FLAGS]! & flag)) return;
    this.words[base + S_FLAGS]! &= ~flag;
    this.post(op, slot, -ECANCELED);
  }

  /** The kernel takes bytes again. */
  protected foundRoom(slot: number, generation: number): void {
    if (this.hasRemainder(slot)) this.sendRemainder(slot);
    else this.receiver.complete(OP_WRITABLE, slot, generation, 0, 0, false);
  }

  #acceptNow(slot: number): void {
    if (!(this.words[this.base(slot) + S_FLAGS]! & F_WANT_ACCEPT)) return;
    const accepted = this.native.accept(slot);
    if (accepted === -EAGAIN) return;
    const generation = accepted < 0 ? 0 : this.generationOf(accepted);
    this.completeWanted(slot, F_WANT_ACCEPT, OP_ACCEPT, accepted, generation);
  }

  #receiveNow(slot: number): void {
    const base = this.base(slot);
    if (!(this.words[base + S_FLAGS]! & F_WANT_RECV)) return;
    const received = this.tryReceive(slot, Math.max(this.words[base + S_WANT]!, 4096));
    if (received !== -EAGAIN) this.completeWanted(slot, F_WANT_RECV, OP_RECV, received, this.receivedAt);
  }

  /** Who is told to fetch may leave something: no event will tell of it again. */
  protected fetch(slot: number, generation: number): void {
    this.receiver.complete(OP_FETCH, slot, generation, 0, 0, true);
    const words = this.words;
    const base = this.base(slot);
    const left = F_STREAM | F_READABLE;
    if (words[base + S_GENERATION] === generation && (words[base + S_FLAGS]! & left) === left)
      this.native.retry(slot);
  }

  #peekNow(slot: number): void {
    if (!(this.words[this.base(slot) + S_FLAGS]! & F_WANT_READABLE)) return;
    if (this.peek(slot) !== -EAGAIN) this.completeWanted(slot, F_WANT_READABLE, OP_READABLE, 0, 0);
  }
}
