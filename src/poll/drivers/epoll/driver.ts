import { lendTurns } from '../../../runtime/turns.ts';
import {
  type Capability,
  type CompletionReceiver,
  type ConnectSocketOptions,
  type Driver,
  type ListenSocketOptions,
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DRAIN,
  OP_FETCH,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_STREAM,
  OP_WRITABLE,
  type Op,
  type SocketAddress,
  type SocketOption,
} from '../../driver.ts';
import { EAGAIN, ECANCELED } from '../../errno.ts';
import { SPLICE_FROM_FAILED, type Splice, type SpliceOutcome } from '../../splice.ts';
import { EpollDatagrams } from './datagrams.ts';
import { IdlePipes } from './idle-pipes.ts';
import {
  C_GENERATION,
  C_KIND,
  C_OFFSET,
  C_RESULT,
  C_SLOT,
  COMPLETION_SIZE,
  F_CONNECTING,
  F_DATAGRAM,
  F_DIRTY,
  F_READABLE,
  F_STREAM,
  F_WANT_ACCEPT,
  F_WANT_READABLE,
  F_WANT_RECV,
  F_WANT_WRITABLE,
  F_WRITABLE,
  G_CAPACITY,
  G_LENGTH,
  G_NEXT,
  G_OFFSET,
  H_COMPLETED,
  H_DIRTY,
  H_HOLDS,
  H_IN_OFFSET,
  H_OUT_OFFSET,
  H_REFERENCED,
  H_SEGMENTS_USED,
  H_SPLICE_BULK,
  H_SPLICE_CHANNEL,
  H_SPLICE_ERROR,
  H_SPLICE_HELD,
  H_SPLICE_LEFT_FROM,
  H_SPLICE_LEFT_TO,
  H_SPLICE_PIPED,
  H_SPLICE_SENT,
  H_SPLICE_TAKEN,
  H_TURN,
  H_UNSENT,
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
  S_GENERATION,
  S_OUT_HEAD,
  S_OUT_LENGTH,
  S_OUT_TAIL,
  S_WANT,
  SEGMENT_SIZE,
  SharedMemory,
  type Sizes,
  SLOT_SIZE,
} from './layout.ts';
import { EpollLeases } from './leases.ts';
import { type Native, SOCKET_OPTIONS } from './native.ts';
import { Remainder } from './remainder.ts';
import { EpollUnix } from './unix.ts';

/** The second small write of a round shows that more will come: they share a segment of this size. */
const SHARED_SEGMENT = 1024;

export const CAPABILITIES: readonly Capability[] = [
  'direct',
  'poll',
  'backlog',
  'unsentCount',
  'terminate',
  'reusePort',
  'linger',
  'bufferSizes',
  'keepAliveInterval',
  'localAddress',
  'closeRead',
  'sendFile',
  'splice',
  'pipes',
  'datagrams',
  'datagramBatch',
  'unixgram',
  'peerErrors',
  'unix',
  'unixpacket',
  'unixAbstract',
  'unixLocalAddress',
  'peerCredentials',
  'inherit',
  'trafficClass',
  'userTimeout',
  'fastOpen',
  'multipath',
  'tcpInfo',
  'leases',
];

/** An operation in flight is a flag in the slot's shared word; the native loop looks nowhere else. */
const WANTED: readonly (readonly [flag: number, op: Op])[] = [
  [F_WANT_RECV, OP_RECV],
  [F_WANT_READABLE, OP_READABLE],
  [F_WANT_ACCEPT, OP_ACCEPT],
  [F_WANT_WRITABLE, OP_WRITABLE],
  [F_CONNECTING, OP_CONNECT],
];

/**
 * epoll, edge-triggered, in one native crossing a round. To begin an operation is a store into shared memory; the
 * native loop receives for whom it finds waiting, calls `#onBatch` once, lets the goroutines run and then sends
 * all chains that they staged.
 */
export class EpollDriver implements Driver {
  readonly name: string = 'epoll';
  readonly capabilities: ReadonlySet<Capability> = new Set(CAPABILITIES);
  readonly slotCount: number;
  readonly slab: Uint8Array;
  /** Where received bytes stand that did not come by a completion. */
  receivedAt = 0;
  readonly unix: EpollUnix;
  protected readonly native: Native;
  protected readonly memory: SharedMemory;
  protected readonly words: Int32Array;
  protected readonly remainders = new Map<number, Remainder>();
  readonly #drains = new Map<number, number>();
  /** Errors that a peek has met: the kernel tells each once, and then shows an orderly end. */
  protected readonly peeked = new Map<number, number>();
  /** What completes outside a batch: delivered from a microtask, so that nothing completes inside a call. */
  #posted: (() => void)[] = [];
  protected receiver!: CompletionReceiver;
  protected dispatching = false;
  protected sets = 1;
  readonly #pipes: IdlePipes;
  #datagrams: EpollDatagrams | null = null;
  #leases: EpollLeases | null = null;

  constructor(native: Native, memory: Sizes | SharedMemory) {
    this.native = native;
    this.unix = new EpollUnix(
      native,
      (slot) => this.post(OP_LISTEN, slot, 0),
      (slot) => this.connecting(slot),
    );
    this.memory = memory instanceof SharedMemory ? memory : new SharedMemory(memory);
    this.#pipes = new IdlePipes(() => native.trimPipes());
    this.words = this.memory.words;
    this.slab = this.memory.slab;
    this.slotCount = this.memory.slotCount;
  }

  start(receiver: CompletionReceiver): void {
    this.receiver = receiver;
    this.native.start(this.memory.words.buffer, this.memory.slab.buffer, () => this.#onBatch());
    lendTurns(this.words, H_TURN);
    // `write(); process.exit(0)` arrives: the last moment in which JavaScript still runs.
    process.on('exit', () => this.#flushAtExit());
  }

  listen(host: string, port: number, options: ListenSocketOptions): number {
    const { backlog, reusePort, ipv6Only, multipath } = options;
    const slot = this.native.listen(
      host,
      port,
      backlog,
      reusePort ? 1 : 0,
      ipv6Only ? 1 : 0,
      multipath ? 1 : 0,
    );
    if (slot >= 0) this.post(OP_LISTEN, slot, 0);
    return slot;
  }

  connect(
    host: string,
    port: number,
    local: { host: string; port: number } | null,
    options?: ConnectSocketOptions,
  ): number {
    const multipath = options?.multipath === true ? 1 : 0;
    return local === null
      ? this.native.connect(host, port, multipath)
      : this.native.connect(host, port, multipath, local.host, local.port);
  }

  inherit(descriptor: number): number {
    const slot = this.native.adoptListener(descriptor);
    if (slot >= 0) this.post(OP_LISTEN, slot, 0);
    return slot;
  }

  borrowPipe(descriptor: number): number {
    return this.native.borrowPipe(descriptor);
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
      unwant: (slot, flag) => this.#unwant(slot, flag),
      complete: (op, slot, result) =>
        this.receiver.complete(op, slot, this.generationOf(slot), result, 0, false),
      post: (op, slot, result) => this.post(op, slot, result),
      attempt: (slot, action) => this.attempt(slot, action),
    });
    return this.#datagrams;
  }

  generationOf(slot: number): number {
    return this.words[this.base(slot) + S_GENERATION]!;
  }

  // Beginning operations

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
      // No event will tell of what is there already.
      if (flags & F_READABLE) this.native.retry(slot);
    }
  }

  drain(slot: number, level: number): void {
    this.#drains.set(slot, level);
    this.flushNow(slot);
    this.attempt(slot, () => this.#completeDrain(slot, 0));
  }

  shutdown(slot: number, how: 'read' | 'write'): void {
    const result = this.native.shutdown(slot, how === 'read' ? 0 : 1);
    this.post(OP_SHUTDOWN, slot, result);
  }

  close(slot: number): void {
    this.#datagrams?.closing(slot);
    // First, because what it waits for is not an operation of the FD's.
    this.dropRemainder(slot);
    for (const [flag, op] of WANTED) this.#cancelWanted(slot, flag, op);
    this.stream(slot, 0);
    this.#cancelDrain(slot);
    this.peeked.delete(slot);
    const words = this.words;
    const base = this.base(slot);
    words[base + S_OUT_HEAD] = -1;
    words[base + S_OUT_LENGTH] = 0;
    const generation = words[base + S_GENERATION]!;
    // Only after the cancelled ones may the slot find a new owner.
    this.later(() => this.closeSlot(slot, generation));
  }

  protected closeSlot(slot: number, generation: number): void {
    const result = this.native.close(slot);
    this.receiver.complete(OP_CLOSE, slot, generation, result, 0, false);
  }

  cancel(slot: number, op: Op): void {
    if (op === OP_DRAIN) this.#cancelDrain(slot);
    this.#datagrams?.cancel(slot, op);
    for (const [flag, wanted] of WANTED) if (wanted === op) this.#cancelWanted(slot, flag, op);
  }

  // Synchronous attempts

  mayBeReadable(slot: number): boolean {
    return (this.words[this.memory.slots + slot * SLOT_SIZE + S_FLAGS]! & F_READABLE) !== 0;
  }

  peek(slot: number): number {
    const peeked = this.peeked.get(slot);
    if (peeked !== undefined) return peeked;
    const result = this.native.peek(slot);
    if (result < 0 && result !== -EAGAIN) this.peeked.set(slot, result);
    return result;
  }

  tryAccept(slot: number): number {
    return this.native.accept(slot);
  }

  tryReceive(slot: number, most: number): number {
    if (this.peeked.size > 0) {
      const peeked = this.takePeeked(slot);
      if (peeked !== 0) return peeked;
    }
    this.receivedAt = 0;
    return this.native.receive(slot, 0, Math.min(most, this.memory.maxRecv));
  }

  tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number {
    if (this.peeked.size > 0) {
      const peeked = this.takePeeked(slot);
      if (peeked !== 0) return peeked;
    }
    return this.native.receiveInto(slot, p, from, to);
  }

  trySend(slot: number, p: Uint8Array, from: number, to: number): number {
    return this.native.send(slot, p, from, to);
  }

  trySplice(from: number, to: number, most: number, splice: Splice): SpliceOutcome {
    if (this.peeked.size > 0 && from >= 0) {
      const peeked = this.takePeeked(from);
      if (peeked !== 0) {
        splice.taken = 0;
        splice.sent = 0;
        splice.errno = -peeked;
        return SPLICE_FROM_FAILED;
      }
    }
    const outcome = this.native.splice(from, to, splice.channel, most, splice.bulk ? 1 : 0);
    const words = this.words;
    splice.taken = words[H_SPLICE_TAKEN]!;
    splice.sent = words[H_SPLICE_SENT]!;
    splice.channel = words[H_SPLICE_CHANNEL]!;
    splice.held = words[H_SPLICE_HELD]!;
    splice.bulk = words[H_SPLICE_BULK] !== 0;
    splice.errno = words[H_SPLICE_ERROR]!;
    splice.leftFrom = words[H_SPLICE_LEFT_FROM]!;
    splice.leftTo = words[H_SPLICE_LEFT_TO]!;
    if (words[H_SPLICE_PIPED] !== 0) this.#pipes.used();
    return outcome as SpliceOutcome;
  }

  endSplice(splice: Splice): void {
    if (splice.channel >= 0) this.native.endSplice(splice.channel);
    splice.channel = -1;
    splice.held = 0;
  }

  trySendVector(slot: number, buffers: readonly Uint8Array[], first: number, from: number): number {
    return this.native.sendVector(slot, buffers, first, from);
  }

  sendFile(
    slot: number,
    file: number,
    offset: number,
    length: number,
    done: (count: number, errno: number) => void,
  ): number {
    return this.native.sendFile(slot, file, offset, length, done);
  }

  // Outbound chains

  stage(slot: number, p: Uint8Array, from: number, to: number): void {
    const words = this.words;
    const memory = this.memory;
    const length = to - from;
    const base = memory.slots + slot * SLOT_SIZE;
    if (words[H_OUT_OFFSET]! + Math.max(length, SHARED_SEGMENT) > memory.outLimit) this.flush();
    if (words[H_SEGMENTS_USED]! === memory.segmentCount) this.flush();
    if (this.remainders.size > 0) {
      const remainder = this.remainders.get(slot);
      if (remainder !== undefined) {
        remainder.append(p, from, to);
        return;
      }
    }
    const source = from === 0 && to === p.length ? p : p.subarray(from, to);
    let capacity = length;
    if (words[base + S_OUT_HEAD]! >= 0) {
      const tail = memory.segments + words[base + S_OUT_TAIL]! * SEGMENT_SIZE;
      const used = words[tail + G_LENGTH]!;
      if (used + length <= words[tail + G_CAPACITY]!) {
        this.slab.set(source, words[tail + G_OFFSET]! + used);
        words[tail + G_LENGTH] = used + length;
        words[base + S_OUT_LENGTH]! += length;
        return;
      }
      capacity = Math.max(length, SHARED_SEGMENT);
    }
    const offset = words[H_OUT_OFFSET]!;
    words[H_OUT_OFFSET] = offset + capacity;
    const index = words[H_SEGMENTS_USED]!;
    words[H_SEGMENTS_USED] = index + 1;
    this.slab.set(source, offset);
    const segment = memory.segments + index * SEGMENT_SIZE;
    words[segment + G_OFFSET] = offset;
    words[segment + G_LENGTH] = length;
    words[segment + G_NEXT] = -1;
    words[segment + G_CAPACITY] = capacity;
    if (words[base + S_OUT_HEAD]! >= 0) {
      words[memory.segments + words[base + S_OUT_TAIL]! * SEGMENT_SIZE + G_NEXT] = index;
    } else {
      words[base + S_OUT_HEAD] = index;
    }
    words[base + S_OUT_TAIL] = index;
    words[base + S_OUT_LENGTH]! += length;
    if (!(words[base + S_FLAGS]! & F_DIRTY)) {
      words[base + S_FLAGS]! |= F_DIRTY;
      words[memory.dirty + words[H_DIRTY]!] = slot;
      words[H_DIRTY]! += 1;
    }
  }

  outboundLength(slot: number): number {
    const staged = this.words[this.memory.slots + slot * SLOT_SIZE + S_OUT_LENGTH]!;
    return this.remainders.size === 0 ? staged : staged + (this.remainders.get(slot)?.length ?? 0);
  }

  flushNow(slot: number): void {
    const base = this.base(slot);
    if (this.words[base + S_OUT_HEAD]! < 0) return;
    const total = this.words[base + S_OUT_LENGTH]!;
    const sent = this.native.flushSlot(slot);
    if (sent < 0) this.later(this.#faulted(slot, -sent, this.words[H_UNSENT]!));
    else if (sent < total) this.#keepRemainder(slot, sent);
  }

  flush(): void {
    // One by one: the native loop would put its completions where those of the present batch stand.
    const words = this.words;
    for (let i = 0; i < words[H_DIRTY]!; i++) {
      const slot = words[this.memory.dirty + i]!;
      words[this.base(slot) + S_FLAGS]! &= ~F_DIRTY;
      this.flushNow(slot);
    }
    words[H_DIRTY] = 0;
    this.#resetOutbound();
  }

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

  assign(slot: number, poller: number): number {
    return this.native.assign(slot, poller);
  }

  // Options, addresses, life

  setOption(slot: number, option: SocketOption, value: number, second?: number): number {
    return this.native.setOption(slot, SOCKET_OPTIONS.indexOf(option), value, second);
  }

  getOption(slot: number, option: SocketOption): number {
    return this.native.getOption(slot, SOCKET_OPTIONS.indexOf(option));
  }

  tcpInfo(slot: number, out: Uint8Array): number {
    return this.native.tcpInfo(slot, out);
  }

  isMultipath(slot: number): boolean {
    return this.native.isMultipath(slot) === 1;
  }

  localAddress(slot: number): SocketAddress | null {
    return parseAddress(this.native.localAddress(slot));
  }

  remoteAddress(slot: number): SocketAddress | null {
    return parseAddress(this.native.remoteAddress(slot));
  }

  hold(): void {
    const words = this.words;
    words[H_HOLDS]! += 1;
    if (words[H_REFERENCED] === 0) this.native.reference();
  }

  release(): void {
    this.words[H_HOLDS]! -= 1;
  }

  // Completions

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
          this.#fetch(slot, generation);
          break;
        case K_READABLE:
          if (this.#isDatagram(slot)) this.datagrams.readable(slot);
          else receiver.complete(OP_READABLE, slot, generation, result, 0, false);
          break;
        case K_WRITABLE:
          if (this.#isDatagram(slot)) this.datagrams.writable(slot);
          else this.foundRoom(slot, generation);
          break;
        case K_ACCEPTED:
          receiver.complete(OP_ACCEPT, slot, generation, result, offset, false);
          break;
        case K_CONNECTED:
          receiver.complete(OP_CONNECT, slot, generation, result, 0, false);
          break;
        case K_SEND_PARTIAL:
          this.#keepRemainder(slot, result);
          break;
        case K_SEND_FAILED:
          this.#faulted(slot, -result, offset)();
          break;
      }
    }
    this.dispatching = false;
    words[H_COMPLETED] = 0;
    words[H_IN_OFFSET] = this.memory.inStart;
    this.#resetOutbound();
  }

  /** A connect is under way: an event will tell how it ends. */
  protected connecting(_slot: number): void {}

  /** The kernel takes bytes again. */
  protected foundRoom(slot: number, generation: number): void {
    if (this.remainders.has(slot)) this.sendRemainder(slot);
    else this.receiver.complete(OP_WRITABLE, slot, generation, 0, 0, false);
  }

  protected base(slot: number): number {
    return this.memory.slots + slot * SLOT_SIZE;
  }

  protected want(slot: number, flag: number): void {
    this.words[this.memory.slots + slot * SLOT_SIZE + S_FLAGS]! |= flag;
  }

  #unwant(slot: number, flag: number): void {
    this.words[this.base(slot) + S_FLAGS]! &= ~flag;
  }

  #isDatagram(slot: number): boolean {
    return (this.words[this.base(slot) + S_FLAGS]! & F_DATAGRAM) !== 0;
  }

  /** Completes an operation that is still in flight. */
  protected completeWanted(slot: number, flag: number, op: Op, result: number, offset: number): void {
    const base = this.base(slot);
    if (!(this.words[base + S_FLAGS]! & flag)) return;
    this.words[base + S_FLAGS]! &= ~flag;
    this.receiver.complete(op, slot, this.words[base + S_GENERATION]!, result, offset, false);
  }

  #cancelWanted(slot: number, flag: number, op: Op): void {
    const base = this.base(slot);
    if (!(this.words[base + S_FLAGS]! & flag)) return;
    this.words[base + S_FLAGS]! &= ~flag;
    this.post(op, slot, -ECANCELED);
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
  #fetch(slot: number, generation: number): void {
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

  /** The error that a peek met, for the receive that tells it; 0: none. */
  protected takePeeked(slot: number): number {
    const peeked = this.peeked.get(slot) ?? 0;
    if (peeked !== 0) this.peeked.delete(slot);
    return peeked;
  }

  #cancelDrain(slot: number): void {
    if (this.#drains.delete(slot)) this.post(OP_DRAIN, slot, -ECANCELED);
  }

  #completeDrain(slot: number, result: number): void {
    const level = this.#drains.get(slot);
    if (level === undefined || (result === 0 && this.outboundLength(slot) > level)) return;
    this.#drains.delete(slot);
    this.receiver.complete(OP_DRAIN, slot, this.generationOf(slot), result, 0, false);
  }

  /** Takes the unsent part of a chain out of the slab and waits for room in the kernel. */
  #keepRemainder(slot: number, sent: number): void {
    const words = this.words;
    const base = this.base(slot);
    const remainder = new Remainder();
    let skip = sent;
    for (let index = words[base + S_OUT_HEAD]!; index >= 0; ) {
      const segment = this.memory.segments + index * SEGMENT_SIZE;
      const offset = words[segment + G_OFFSET]!;
      const length = words[segment + G_LENGTH]!;
      if (skip < length) remainder.append(this.slab, offset + skip, offset + length);
      skip = Math.max(0, skip - length);
      index = words[segment + G_NEXT]!;
    }
    words[base + S_OUT_HEAD] = -1;
    words[base + S_OUT_LENGTH] = 0;
    this.remainders.set(slot, remainder);
    this.hold();
    this.want(slot, F_WANT_WRITABLE);
  }

  protected takeOutbound(slot: number): Uint8Array | null {
    const outbound = this.remainders.get(slot)?.takeAll() ?? null;
    this.dropRemainder(slot);
    return outbound;
  }

  protected sendRemainder(slot: number): void {
    const remainder = this.remainders.get(slot)!;
    const result = remainder.sendTo((p, from, to) => this.native.send(slot, p, from, to));
    if (result < 0 && result !== -EAGAIN) {
      const unsent = remainder.length;
      this.dropRemainder(slot);
      this.#faulted(slot, -result, unsent)();
      return;
    }
    if (remainder.length > 0) this.want(slot, F_WANT_WRITABLE);
    else this.dropRemainder(slot);
    this.#completeDrain(slot, 0);
  }

  /** What has been received ahead of its reader: nothing ever is. */
  protected takeInbound(_slot: number): Uint8Array | null {
    return null;
  }

  protected dropRemainder(slot: number): void {
    if (!this.remainders.delete(slot)) return;
    this.words[this.base(slot) + S_FLAGS]! &= ~F_WANT_WRITABLE;
    this.release();
  }

  #faulted(slot: number, errno: number, unsent: number): () => void {
    const generation = this.generationOf(slot);
    return () => {
      this.receiver.fault(slot, generation, errno, unsent);
      this.#completeDrain(slot, -errno);
    };
  }

  /** Once nothing staged is left, the outbound part of the slab starts over. */
  #resetOutbound(): void {
    const words = this.words;
    if (words[H_DIRTY]! > 0) return;
    words[H_OUT_OFFSET] = this.memory.outStart;
    words[H_SEGMENTS_USED] = 0;
  }

  protected post(op: Op, slot: number, result: number): void {
    const generation = this.generationOf(slot);
    this.later(() => this.receiver.complete(op, slot, generation, result, 0, false));
  }

  /** Runs `action` for the slot's present owner, if it still is one by then. */
  protected attempt(slot: number, action: () => void): void {
    const generation = this.generationOf(slot);
    this.later(() => {
      if (this.generationOf(slot) === generation) action();
    });
  }

  protected later(action: () => void): void {
    if (this.#posted.push(action) > 1) return;
    queueMicrotask(() => {
      const posted = this.#posted;
      this.#posted = [];
      for (const action of posted) action();
    });
  }

  #flushAtExit(): void {
    this.flush();
    for (const [slot, remainder] of this.remainders) {
      remainder.sendTo((p, from, to) => this.native.send(slot, p, from, to));
    }
    // Handlers of 'exit' that run after this one may write, too.
    const stage = this.stage;
    this.stage = (slot, p, from, to) => {
      stage.call(this, slot, p, from, to);
      this.flushNow(slot);
    };
  }
}

function parseAddress(text: string | null): SocketAddress | null {
  if (text === null) return null;
  const space = text.lastIndexOf(' ');
  return { host: text.slice(0, space), port: Number(text.slice(space + 1)) };
}
