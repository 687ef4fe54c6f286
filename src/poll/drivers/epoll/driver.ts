import { lendTurns } from '../../../runtime/turns.ts';
import type { Alarm } from '../../alarm.ts';
import {
  type Capability,
  type CompletionReceiver,
  type Driver,
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DRAIN,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_STREAM,
  type Op,
} from '../../driver.ts';
import { NativeAlarm } from './alarm.ts';
import { CAPABILITIES } from './capabilities.ts';
import { EpollDatagrams } from './datagrams.ts';
import {
  C_GENERATION,
  C_KIND,
  C_OFFSET,
  C_RESULT,
  C_SLOT,
  COMPLETION_SIZE,
  F_WRITABLE,
  H_COMPLETED,
  H_IN_OFFSET,
  H_TURN,
  K_ACCEPTED,
  K_CONNECTED,
  K_FETCH,
  K_READABLE,
  K_RECEIVED,
  K_SEND_FAILED,
  K_SEND_PARTIAL,
  K_STREAMED,
  K_WRITABLE,
  S_FLAGS,
  type SharedMemory,
  type Sizes,
} from './layout.ts';
import { EpollLeases } from './leases.ts';
import type { Native } from './native.ts';
import { Operations } from './operations.ts';
import { EpollUnix } from './unix.ts';

/**
 * epoll, edge-triggered, in one native crossing a round. To begin an operation is a store into shared memory; the
 * native loop receives for whom it finds waiting, calls `#onBatch` once, lets the goroutines run and then sends
 * all chains that they staged.
 */
export class EpollDriver extends Operations implements Driver {
  readonly name: string = 'epoll';
  readonly capabilities: ReadonlySet<Capability> = new Set(CAPABILITIES);
  readonly unix: EpollUnix;
  protected dispatching = false;
  protected sets = 1;
  #datagrams: EpollDatagrams | null = null;
  #leases: EpollLeases | null = null;

  constructor(native: Native, memory: Sizes | SharedMemory) {
    super(native, memory);
    this.unix = new EpollUnix(
      native,
      (slot) => this.post(OP_LISTEN, slot, 0),
      (slot) => this.connecting(slot),
    );
  }

  start(receiver: CompletionReceiver): void {
    this.receiver = receiver;
    this.native.start(this.memory.words.buffer, this.memory.slab.buffer, () => this.#onBatch());
    lendTurns(this.words, H_TURN);
    // `write(); process.exit(0)` arrives: the last moment in which JavaScript still runs.
    process.on('exit', () => this.flushAtExit());
  }

  get leases(): EpollLeases {
    this.#leases ??= new EpollLeases(this.native, {
      takeOutbound: (slot) => this.takeOutbound(slot),
      takeInbound: (slot) => this.takeInbound(slot),
      takeError: (slot) => -this.takePeeked(slot),
    });
    return this.#leases;
  }

  get datagrams(): EpollDatagrams {
    this.#datagrams ??= new EpollDatagrams(this.native, {
      mayBeReadable: (slot) => this.mayBeReadable(slot),
      mayBeWritable: (slot) => (this.words[this.base(slot) + S_FLAGS]! & F_WRITABLE) !== 0,
      want: (slot, flag) => this.want(slot, flag),
      unwant: (slot, flag) => this.unwant(slot, flag),
      complete: (op, slot, result) =>
        this.receiver.complete(op, slot, this.generationOf(slot), result, 0, false),
      post: (op, slot, result) => this.post(op, slot, result),
      attempt: (slot, action) => this.attempt(slot, action),
    });
    return this.#datagrams;
  }

  alarm(onDue: () => void, close: number): Alarm | number {
    return NativeAlarm.open(this.native, onDue, close);
  }

  /** A connect is under way: an event will tell how it ends. */
  protected connecting(_slot: number): void {}

  /** What has been received ahead of its reader: nothing ever is. */
  protected takeInbound(_slot: number): Uint8Array | null {
    return null;
  }

  // Ending

  cancel(slot: number, op: Op): void {
    if (op === OP_DRAIN) this.cancelDrain(slot);
    this.#datagrams?.cancel(slot, op);
    this.cancelWanted(slot, op);
  }

  close(slot: number): void {
    this.#datagrams?.closing(slot);
    // First, because what it waits for is not an operation of the FD's.
    this.dropRemainder(slot);
    this.cancelAllWanted(slot);
    this.stream(slot, 0);
    this.cancelDrain(slot);
    if (this.peeked.size > 0) this.peeked.delete(slot);
    this.dropChain(slot);
    const generation = this.generationOf(slot);
    // Only after the cancelled ones may the slot find a new owner.
    this.later(() => this.closeSlot(slot, generation));
  }

  protected closeSlot(slot: number, generation: number): void {
    const result = this.native.close(slot);
    this.receiver.complete(OP_CLOSE, slot, generation, result, 0, false);
  }

  // Completions

  poll(): boolean {
    // Within a batch the array of completions is in use, and a pass has just been made.
    if (this.dispatching) return true;
    for (let set = 0; set < this.sets; set++) {
      this.native.collect(set);
      this.#onBatch();
    }
    return true;
  }

  pollers(count: number): number {
    this.sets = this.native.sets(count);
    return this.sets;
  }

  #onBatch(): void {
    const words = this.words;
    const count = words[H_COMPLETED]!;
    if (count === 0) return;
    const receiver = this.receiver;
    let at = this.memory.completions;
    this.dispatching = true;
    receiver.round();
    for (let i = 0; i < count; i++, at += COMPLETION_SIZE) {
      const slot = words[at + C_SLOT]!;
      const generation = words[at + C_GENERATION]!;
      const result = words[at + C_RESULT]!;
      const offset = words[at + C_OFFSET]!;
      switch (words[at + C_KIND]) {
        case K_RECEIVED:
          receiver.complete(OP_RECV, slot, generation, result, offset, false);
          break;
        case K_STREAMED:
          receiver.complete(OP_STREAM, slot, generation, result, offset, result > 0);
          break;
        case K_FETCH:
          this.fetch(slot, generation);
          break;
        case K_READABLE:
          if (this.isDatagram(slot)) this.datagrams.readable(slot);
          else receiver.complete(OP_READABLE, slot, generation, result, 0, false);
          break;
        case K_WRITABLE:
          if (this.isDatagram(slot)) this.datagrams.writable(slot);
          else this.foundRoom(slot, generation);
          break;
        case K_ACCEPTED:
          receiver.complete(OP_ACCEPT, slot, generation, result, offset, false);
          break;
        case K_CONNECTED:
          receiver.complete(OP_CONNECT, slot, generation, result, 0, false);
          break;
        case K_SEND_PARTIAL:
          this.keepRemainder(slot, result);
          break;
        case K_SEND_FAILED:
          // Who is told may flush or close another one, whose remainder stands further behind in this batch.
          this.later(this.faulted(slot, -result, offset));
          break;
      }
    }
    this.dispatching = false;
    words[H_COMPLETED] = 0;
    words[H_IN_OFFSET] = this.memory.inStart;
    this.resetOutbound();
  }
}
