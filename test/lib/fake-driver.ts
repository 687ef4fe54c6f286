import { constants } from 'node:os';
import {
  type Capability,
  type CompletionReceiver,
  type Driver,
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DATAGRAMS,
  OP_DRAIN,
  OP_FETCH,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_SEND,
  OP_SHUTDOWN,
  OP_STREAM,
  OP_WRITABLE,
  type Op,
  type SocketAddress,
} from '#dist/poll/driver.js';
import {
  SPLICE_CANNOT,
  SPLICE_EMPTY,
  SPLICE_END,
  SPLICE_FROM_FAILED,
  SPLICE_FULL,
  SPLICE_MORE,
  SPLICE_TO_FAILED,
  type Splice,
  type SpliceOutcome,
} from '#dist/poll/splice.js';
import { FakeDatagrams } from './fake-datagrams.ts';

const { EAGAIN, EBADF, ECANCELED, ECONNRESET, EPIPE } = constants.errno;

/** Picks one of `count` possibilities: the whole adversity of the fake comes from here. */
export type Choose = (count: number) => number;

export interface FakeOptions {
  choose: Choose;
  /** Moves bytes straight from and to the caller's memory: the capability 'direct'. */
  direct?: boolean;
  /** Answers synchronous attempts; without, every one gives -EAGAIN. */
  attempts?: boolean;
  poll?: boolean;
  /** A receive or accept goes on until it is cancelled: the capability 'multishot'. */
  multishot?: boolean;
  /** Bytes that the receiving kernel takes before the sender has to wait. */
  capacity?: number;
}

/** Bytes in order. */
class ByteQueue {
  length = 0;
  #parts: Uint8Array[] = [];

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes.slice());
    this.length += bytes.length;
  }

  shift(count: number): Uint8Array {
    const taken = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const part = this.#parts[0]!;
      const n = Math.min(part.length, count - at);
      taken.set(part.subarray(0, n), at);
      if (n === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(n);
      at += n;
    }
    this.length -= count;
    return taken;
  }

  clear(): void {
    this.length = 0;
    this.#parts = [];
  }
}

interface InFlight {
  /** How many bytes are asked for; the level of a drain. */
  readonly argument: number;
  cancelled: boolean;
}

/** One socket, the kernel's half included. */
class Socket {
  readonly slot: number;
  readonly generation: number;
  peer: Socket | null = null;
  /** Arrived and not received. */
  readonly arrived = new ByteQueue();
  /** Nothing more will arrive. */
  ended = false;
  /** Reported once by the next receive. */
  broken = 0;
  readonly chain = new ByteQueue();
  readonly ops = new Map<Op, InFlight>();
  readonly shutdowns: ('read' | 'write')[] = [];
  readonly backlog: Socket[] = [];
  pendingFault: { errno: number; unsent: number } | null = null;
  refuses: number;
  closing = false;
  open = true;

  constructor(slot: number, generation: number) {
    this.slot = slot;
    this.generation = generation;
    this.refuses = 0;
  }
}

interface Action {
  readonly socket: Socket;
  readonly label: string;
  run(): void;
}

/**
 * A driver in memory, as the contract in src/poll/driver.ts allows it at its worst: it delays, reorders across
 * sockets and directions, shortens, completes cancelled operations late or with their result. Nothing happens by
 * itself: `step` does one thing out of all that could happen now.
 */
export class FakeDriver implements Driver {
  readonly name = 'fake';
  readonly capabilities: ReadonlySet<Capability>;
  readonly slotCount = 64;
  /** One of Node's, as the portable driver's are: its `slice` is no copy. */
  readonly slab: Uint8Array = Buffer.alloc(64 * 1024);
  readonly receivedAt = 256;
  holds = 0;
  #datagrams: FakeDatagrams | null = null;
  readonly #options: Required<FakeOptions>;
  readonly #choose: Choose;
  readonly #sockets: (Socket | null)[] = [];
  readonly #generations: number[] = [];
  readonly #spliced = new Map<Splice, ByteQueue>();
  #receiver!: CompletionReceiver;

  constructor(options: FakeOptions) {
    this.#options = {
      direct: true,
      attempts: true,
      poll: true,
      multishot: false,
      capacity: 100_000,
      ...options,
    };
    this.#choose = options.choose;
    const { direct, attempts, poll, multishot } = this.#options;
    const capabilities: Capability[] = ['linger', 'bufferSizes', 'closeRead', 'datagrams'];
    if (attempts) capabilities.push('datagramBatch');
    if (direct && attempts) capabilities.push('direct', 'splice');
    if (poll) capabilities.push('poll');
    if (multishot) capabilities.push('multishot');
    this.capabilities = new Set(capabilities);
  }

  get datagrams(): FakeDatagrams {
    this.#datagrams ??= new FakeDatagrams({
      attempts: this.#options.attempts,
      choose: this.#choose,
      open: () => this.#open().slot,
      begin: (slot, op) => this.#begin(slot, op, 0),
    });
    return this.#datagrams;
  }

  start(receiver: CompletionReceiver): void {
    this.#receiver = receiver;
  }

  // For tests

  /** Two connected slots. */
  pair(): [number, number] {
    const a = this.#open();
    const b = this.#open();
    a.peer = b;
    b.peer = a;
    return [a.slot, b.slot];
  }

  /** A connection arrives at a listening slot; gives the slot of its far end. */
  arrive(listener: number): number {
    const [near, far] = this.pair();
    this.#sockets[listener]!.backlog.push(this.#sockets[near]!);
    return far;
  }

  /** The peer's machine resets the connection of this slot. */
  reset(slot: number): void {
    const socket = this.#sockets[slot];
    if (!socket) return;
    socket.broken = ECONNRESET;
    socket.refuses = ECONNRESET;
    socket.arrived.clear();
    socket.ended = true;
  }

  /** One of the things that could happen now happens. False: nothing can. */
  step(): boolean {
    const actions = this.#actions();
    if (actions.length === 0) return false;
    this.#receiver.round();
    actions[this.#choose(actions.length)]!.run();
    return true;
  }

  get openSlots(): number {
    return this.#sockets.filter((socket) => socket !== null).length;
  }

  describe(): string {
    return this.#actions()
      .map(({ socket, label }) => `${socket.slot}:${label}`)
      .join(' ');
  }

  // Driver: operations

  listen(): number {
    const socket = this.#open();
    this.#begin(socket.slot, OP_LISTEN, 0);
    return socket.slot;
  }

  connect(): number {
    const [near, far] = this.pair();
    this.#sockets[far]!.open = true;
    this.#begin(near, OP_CONNECT, 0);
    return near;
  }

  generationOf(slot: number): number {
    return this.#generations[slot] ?? 1;
  }

  accept(slot: number): void {
    this.#begin(slot, OP_ACCEPT, 0);
  }

  recv(slot: number, wanted: number): void {
    this.#begin(slot, OP_RECV, wanted);
  }

  readable(slot: number): void {
    this.#begin(slot, OP_READABLE, 0);
  }

  writable(slot: number): void {
    this.#begin(slot, OP_WRITABLE, 0);
  }

  stream(slot: number, wanted: number): void {
    const { ops } = this.#sockets[slot]!;
    ops.delete(OP_STREAM);
    ops.delete(OP_FETCH);
    if (wanted !== 0) this.#begin(slot, wanted > 0 ? OP_STREAM : OP_FETCH, wanted);
  }

  pollers(): number {
    return 1;
  }

  assign(): number {
    return 0;
  }

  drain(slot: number, level: number): void {
    this.#begin(slot, OP_DRAIN, level);
  }

  shutdown(slot: number, how: 'read' | 'write'): void {
    this.#sockets[slot]!.shutdowns.push(how);
  }

  close(slot: number): void {
    const socket = this.#sockets[slot]!;
    socket.chain.clear();
    socket.pendingFault = null;
    socket.ops.delete(OP_STREAM);
    socket.ops.delete(OP_FETCH);
    for (const inFlight of socket.ops.values()) inFlight.cancelled = true;
    socket.closing = true;
  }

  cancel(slot: number, op: Op): void {
    const inFlight = this.#sockets[slot]?.ops.get(op);
    if (inFlight !== undefined) inFlight.cancelled = true;
  }

  // Driver: attempts

  mayBeReadable(slot: number): boolean {
    if (!this.#options.attempts) return true;
    const socket = this.#sockets[slot]!;
    if (this.#datagrams?.isReady(slot)) return true;
    return this.#findsSomething(socket) || socket.backlog.length > 0 || this.#choose(2) === 0;
  }

  peek(slot: number): number {
    const socket = this.#sockets[slot];
    if (!socket) return -EBADF;
    if (!this.#options.attempts || this.#choose(6) === 0 || !this.#findsSomething(socket)) return -EAGAIN;
    if (socket.broken !== 0) return -socket.broken;
    return socket.arrived.length > 0 ? 1 : 0;
  }

  tryAccept(slot: number): number {
    if (!this.#options.attempts || this.#choose(4) === 0) return -EAGAIN;
    return this.#sockets[slot]!.backlog.shift()?.slot ?? -EAGAIN;
  }

  tryReceive(slot: number, most: number): number {
    if (!this.#options.attempts || this.#choose(6) === 0) return -EAGAIN;
    const bytes = this.#receive(this.#sockets[slot]!, Math.min(most, 16 * 1024));
    if (typeof bytes === 'number') return bytes;
    this.slab.fill(0xdd);
    this.slab.set(bytes, this.receivedAt);
    return bytes.length;
  }

  tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number {
    if (!this.#options.attempts || this.#choose(6) === 0) return -EAGAIN;
    const bytes = this.#receive(this.#sockets[slot]!, to - from);
    if (typeof bytes === 'number') return bytes;
    p.set(bytes, from);
    return bytes.length;
  }

  trySend(slot: number, p: Uint8Array, from: number, to: number): number {
    const socket = this.#sockets[slot]!;
    if (!this.#options.attempts) return -EAGAIN;
    const refused = this.#refusal(socket);
    if (refused !== 0) return -refused;
    const room = Math.min(this.#room(socket), to - from);
    if (room === 0) return -EAGAIN;
    const count = this.#some(room);
    socket.peer!.arrived.push(p.subarray(from, from + count));
    return count;
  }

  trySendVector(slot: number, buffers: readonly Uint8Array[], first: number, from: number): number {
    const bytes = Buffer.concat(buffers.slice(first)).subarray(from);
    return bytes.length === 0 ? 0 : this.trySend(slot, bytes, 0, bytes.length);
  }

  trySplice(from: number, to: number, most: number, splice: Splice): SpliceOutcome {
    const target = this.#sockets[to]!;
    const held = this.#spliced.get(splice) ?? new ByteQueue();
    this.#spliced.set(splice, held);
    Object.assign(splice, { taken: 0, sent: 0, errno: 0, leftFrom: 0, leftTo: 0 });
    const outcome = this.#splice(from, target, most, splice, held);
    splice.held = held.length;
    return outcome;
  }

  #splice(from: number, to: Socket, most: number, splice: Splice, held: ByteQueue): SpliceOutcome {
    for (let steps = this.#some(3); ; steps--) {
      const refused = this.#refusal(to);
      if (held.length > 0 && refused !== 0) {
        splice.errno = refused;
        return SPLICE_TO_FAILED;
      }
      if (held.length > 0) {
        const room = Math.min(this.#room(to), held.length);
        if (room > 0) splice.sent += this.#hand(to, held.shift(this.#some(room)));
        if (held.length > 0) return SPLICE_FULL;
      }
      if (most <= splice.taken || steps === 0) return SPLICE_MORE;
      if (this.#choose(100) === 0) return SPLICE_CANNOT;
      const bytes = this.#receive(this.#sockets[from]!, Math.min(most - splice.taken, 20_000));
      if (bytes === 0) return SPLICE_END;
      if (bytes === -EAGAIN) return SPLICE_EMPTY;
      if (typeof bytes === 'number') {
        splice.errno = -bytes;
        return SPLICE_FROM_FAILED;
      }
      splice.taken += bytes.length;
      if (this.#choose(2) === 0) {
        held.push(bytes);
        continue;
      }
      // By way of memory: what finds no room is left there.
      if (refused !== 0) {
        splice.errno = refused;
        return SPLICE_TO_FAILED;
      }
      const room = Math.min(this.#room(to), bytes.length);
      const sent = room === 0 ? 0 : this.#hand(to, bytes.subarray(0, this.#some(room)));
      splice.sent += sent;
      if (sent === bytes.length) continue;
      this.slab.fill(0xdd);
      this.slab.set(bytes.subarray(sent), 100);
      splice.leftFrom = 100;
      splice.leftTo = 100 + bytes.length - sent;
      return SPLICE_FULL;
    }
  }

  #hand(to: Socket, bytes: Uint8Array): number {
    to.peer!.arrived.push(bytes);
    return bytes.length;
  }

  endSplice(splice: Splice): void {
    this.#spliced.delete(splice);
    splice.held = 0;
  }

  /** Copies that hold something. */
  get splices(): number {
    return [...this.#spliced.values()].filter(({ length }) => length > 0).length;
  }

  stage(slot: number, p: Uint8Array, from: number, to: number): void {
    this.#sockets[slot]!.chain.push(p.subarray(from, to));
  }

  outboundLength(slot: number): number {
    return this.#sockets[slot]?.chain.length ?? 0;
  }

  flushNow(slot: number): void {
    const socket = this.#sockets[slot]!;
    if (!this.#options.attempts || this.#choose(3) === 0) return;
    this.#move(socket, this.#room(socket));
  }

  flush(): void {
    for (const socket of this.#sockets) if (socket && !socket.closing) this.flushNow(socket.slot);
  }

  poll(): boolean {
    if (!this.#options.poll) return false;
    this.#receiver.round();
    for (const op of [OP_RECV, OP_READABLE, OP_ACCEPT, OP_WRITABLE] as Op[]) {
      for (const socket of [...this.#sockets]) {
        if (socket?.ops.has(op) && !socket.ops.get(op)!.cancelled && this.#isReady(socket, op)) {
          this.#finish(socket, op, false);
        }
      }
    }
    return true;
  }

  setOption(): number {
    return 0;
  }

  getOption(): number {
    return 0;
  }

  localAddress(slot: number): SocketAddress | null {
    return { host: '127.0.0.1', port: 1000 + slot };
  }

  remoteAddress(slot: number): SocketAddress | null {
    return { host: '127.0.0.1', port: 1000 + (this.#sockets[slot]?.peer?.slot ?? 0) };
  }

  hold(): void {
    this.holds++;
  }

  release(): void {
    this.holds--;
  }

  // The kernel

  #open(): Socket {
    let slot = this.#sockets.indexOf(null);
    if (slot < 0) slot = this.#sockets.length;
    this.#generations[slot] ??= 1;
    const socket = new Socket(slot, this.#generations[slot]!);
    this.#sockets[slot] = socket;
    return socket;
  }

  #begin(slot: number, op: Op, argument: number): void {
    this.#sockets[slot]!.ops.set(op, { argument, cancelled: false });
  }

  /** Between 1 and `most`: a byte, a little, or all. */
  #some(most: number): number {
    if (this.#options.choose(3) === 0) return most;
    return Math.min(most, [1, 10, 700, 5000][this.#choose(4)]!);
  }

  #findsSomething(socket: Socket): boolean {
    return socket.arrived.length > 0 || socket.ended || socket.broken !== 0;
  }

  #receive(socket: Socket, most: number): Uint8Array | number {
    if (socket.broken !== 0) {
      const errno = socket.broken;
      socket.broken = 0;
      return -errno;
    }
    if (socket.arrived.length > 0)
      return socket.arrived.shift(this.#some(Math.min(most, socket.arrived.length)));
    return socket.ended ? 0 : -EAGAIN;
  }

  #refusal(socket: Socket): number {
    if (socket.refuses !== 0) return socket.refuses;
    return socket.peer === null || !socket.peer.open ? EPIPE : 0;
  }

  #room(socket: Socket): number {
    return Math.max(0, this.#options.capacity - (socket.peer?.arrived.length ?? 0));
  }

  /** The kernel takes up to `most` bytes of the chain, or refuses it for good. */
  #move(socket: Socket, most: number): void {
    if (socket.chain.length === 0) return;
    const refused = this.#refusal(socket);
    if (refused !== 0) {
      socket.pendingFault ??= { errno: refused, unsent: 0 };
      socket.pendingFault.unsent += socket.chain.length;
      socket.chain.clear();
      return;
    }
    const count = Math.min(most, socket.chain.length);
    if (count > 0) socket.peer!.arrived.push(socket.chain.shift(this.#some(count)));
  }

  #isReady(socket: Socket, op: Op): boolean {
    switch (op) {
      case OP_RECV:
      case OP_STREAM:
      case OP_FETCH:
      case OP_READABLE:
        return this.#findsSomething(socket);
      case OP_DATAGRAMS:
        return this.datagrams.isReady(socket.slot);
      case OP_ACCEPT:
        return socket.backlog.length > 0;
      case OP_WRITABLE:
        return this.#refusal(socket) !== 0 || this.#room(socket) > 0;
      case OP_DRAIN:
        return socket.pendingFault === null && socket.chain.length <= socket.ops.get(OP_DRAIN)!.argument;
      default:
        return true;
    }
  }

  #finish(socket: Socket, op: Op, cancelled: boolean): void {
    const inFlight = socket.ops.get(op)!;
    const { slot, generation } = socket;
    if (cancelled) {
      socket.ops.delete(op);
      this.#receiver.complete(op, slot, generation, -ECANCELED, 0, false);
      return;
    }
    let result = 0;
    let offset = 0;
    if (op === OP_RECV || op === OP_STREAM) {
      const most = Math.max(1, Math.min(Math.max(inFlight.argument, 4096), 16 * 1024));
      const bytes = this.#receive(socket, most);
      if (typeof bytes === 'number') {
        result = bytes;
      } else {
        result = bytes.length;
        offset = this.#choose(1000);
        this.slab.set(bytes, offset);
      }
    } else if (op === OP_DATAGRAMS || op === OP_SEND) {
      result = this.datagrams.finish(op, slot);
    } else if (op === OP_ACCEPT) {
      const accepted = socket.backlog.shift()!;
      result = accepted.slot;
      offset = accepted.generation;
    }
    const shots = (op === OP_RECV || op === OP_ACCEPT) && this.#options.multishot && !inFlight.cancelled;
    const more =
      op === OP_FETCH
        ? true
        : op === OP_STREAM
          ? result > 0
          : shots && (op === OP_ACCEPT || result > 0) && this.#choose(5) !== 0;
    if (!more) socket.ops.delete(op);
    this.#receiver.complete(op, slot, generation, result, offset, more);
    // Theirs only until `complete` returned.
    if (op === OP_RECV || op === OP_STREAM) this.slab.fill(0xdd);
  }

  #actions(): Action[] {
    const actions: Action[] = [];
    for (const socket of this.#sockets) {
      if (socket === null) continue;
      const add = (label: string, run: () => void) => actions.push({ socket, label, run });
      if (socket.chain.length > 0 && (this.#refusal(socket) !== 0 || this.#room(socket) > 0)) {
        add('move', () => this.#move(socket, this.#room(socket)));
      }
      if (socket.pendingFault !== null) {
        const { errno, unsent } = socket.pendingFault;
        add('fault', () => {
          socket.pendingFault = null;
          this.#receiver.fault(socket.slot, socket.generation, errno, unsent);
          if (socket.ops.has(OP_DRAIN)) {
            socket.ops.delete(OP_DRAIN);
            this.#receiver.complete(OP_DRAIN, socket.slot, socket.generation, -errno, 0, false);
          }
        });
      }
      for (const [op, { cancelled }] of socket.ops) {
        if (cancelled) add(`cancelled ${op}`, () => this.#finish(socket, op, true));
        // What is being closed may still bring what had come, except for what is going out.
        if (this.#isReady(socket, op) && !(socket.closing && op === OP_DRAIN)) {
          add(`ready ${op}`, () => this.#finish(socket, op, false));
        }
      }
      const how = socket.shutdowns[0];
      if (how !== undefined) {
        add(`shutdown ${how}`, () => {
          socket.shutdowns.shift();
          if (how === 'write') {
            if (socket.peer !== null) socket.peer.ended = true;
            socket.refuses ||= EPIPE;
          } else {
            socket.ended = true;
          }
          this.#receiver.complete(OP_SHUTDOWN, socket.slot, socket.generation, 0, 0, false);
        });
      }
      if (socket.closing && socket.ops.size === 0 && socket.shutdowns.length === 0) {
        add('close', () => {
          socket.open = false;
          if (socket.peer !== null) socket.peer.ended = true;
          for (const waiting of socket.backlog) {
            waiting.open = false;
            if (waiting.peer !== null) waiting.peer.ended = true;
            this.#free(waiting);
          }
          this.#free(socket);
          this.#datagrams?.closed(socket.slot);
          this.#receiver.complete(OP_CLOSE, socket.slot, socket.generation, 0, 0, false);
        });
      }
    }
    return actions;
  }

  #free(socket: Socket): void {
    this.#sockets[socket.slot] = null;
    this.#generations[socket.slot] = socket.generation + 1;
  }
}
