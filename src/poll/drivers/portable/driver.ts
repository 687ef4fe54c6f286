import { connect, type NetConnectOpts } from 'node:net';
import { beforeSlice } from '../../../runtime/budget.ts';
import { LoopHolder } from '../../../runtime/loop-holder.ts';
import {
  type Capability,
  type CompletionReceiver,
  type Driver,
  type ListenSocketOptions,
  OP_ACCEPT,
  OP_CLOSE,
  type OP_RECV,
  OP_STREAM,
  type Op,
  type SocketAddress,
  type SocketOption,
} from '../../driver.ts';
import { EAGAIN, EINVAL, EMFILE, ENOTSUP } from '../../errno.ts';
import { Posted } from '../posted.ts';
import { capabilities } from './capabilities.ts';
import { PortableConn } from './conn.ts';
import type { PortableDatagram } from './datagram.ts';
import { PortableDatagrams } from './datagrams.ts';
import type { Host, Owner } from './host.ts';
import { lacksInterface } from './link-local.ts';
import { PortableListener } from './listener.ts';
import { OutboundBlocks } from './outbound.ts';
import { Turns } from './turns.ts';
import { PortableUnix } from './unix.ts';

/** Dialled sockets receive into memory of this size, which they share. */
const RECEIVE_SIZE = 64 * 1024;

type Entry = PortableConn | PortableListener | PortableDatagram;

/**
 * Node's own sockets behind the contract of every driver: runs wherever Node does. libuv brings one event at a time,
 * each runs its goroutines; what they staged goes to the sockets once the poll phase is through.
 */
export class PortableDriver implements Driver {
  readonly name = 'portable';
  readonly capabilities: ReadonlySet<Capability> = capabilities();
  readonly slotCount: number;
  /** Of the completion that is being told, or the last synchronous receive: Node's own chunk, so that none is copied. */
  slab: Uint8Array;
  receivedAt = 0;
  readonly #shared = new Uint8Array(RECEIVE_SIZE);
  readonly #entries: (Entry | null)[] = [];
  readonly #generations: Int32Array;
  readonly #free: number[] = [];
  readonly #blocks = new OutboundBlocks();
  readonly #holder = new LoopHolder();
  #dirty: (Owner & { dirty: boolean; flush(): void })[] = [];
  #receiver!: CompletionReceiver;
  #exiting = false;
  readonly #posted = new Posted();
  readonly #turns = new Turns(() => this.flush());
  readonly #host: Host;
  #datagrams: PortableDatagrams | null = null;
  readonly unix: PortableUnix;

  constructor({ slots }: { readonly slots: number }) {
    this.slotCount = slots;
    this.slab = this.#shared;
    this.#generations = new Int32Array(slots);
    const turns = this.#turns;
    this.#host = {
      blocks: this.#blocks,
      get turn() {
        return turns.number;
      },
      rest: (conn) => turns.rest(conn),
      complete: (op, owner, result) => this.#complete(op, owner, result),
      post: (op, owner, result) => this.#posted.add(() => this.#complete(op, owner, result)),
      later: (owner, action) =>
        this.#posted.add(() => {
          if (this.#generations[owner.slot] === owner.generation) action();
        }),
      received: (owner, chunk, op) => this.#received(owner, chunk, op),
      fault: ({ slot, generation }, errno, unsent) => this.#receiver.fault(slot, generation, errno, unsent),
      staged: (conn) => this.#staged(conn),
      closed: (owner, tell) => this.#closed(owner, tell),
    };
    this.unix = new PortableUnix({
      listen: (listen) => this.#listener(listen),
      connect: (name) => this.#connect({ path: name }, name),
      entry: (slot) => this.#entries[slot] as PortableConn | PortableListener,
    });
  }

  start(receiver: CompletionReceiver): void {
    this.#receiver = receiver;
    beforeSlice(() => this.flush());
    // `write(); process.exit(0)` arrives: a socket's write tries the kernel at once.
    process.on('exit', () => {
      this.#exiting = true;
      this.flush();
    });
  }

  // Slots

  /** A slot for a new owner, or -EMFILE. */
  #claim(): number {
    const slot = this.#free.pop() ?? this.#entries.length;
    if (slot >= this.slotCount) return -EMFILE;
    if (slot === this.#entries.length) this.#entries.push(null);
    return slot;
  }

  generationOf(slot: number): number {
    return this.#generations[slot]!;
  }

  #conn(slot: number): PortableConn {
    return this.#entries[slot] as PortableConn;
  }

  #closed(owner: Owner, tell: boolean): void {
    const { slot, generation } = owner;
    this.#entries[slot] = null;
    this.#generations[slot]!++;
    this.#free.push(slot);
    if (!tell) return;
    this.#round();
    this.#receiver.complete(OP_CLOSE, slot, generation, 0, 0, false);
  }

  // Opening

  listen(host: string, port: number, options: ListenSocketOptions): number {
    if (lacksInterface(host)) return -EINVAL;
    return this.#listener((listener) => listener.listen(host, port, options));
  }

  inherit(descriptor: number): number {
    return this.#listener((listener) => listener.listenOn(descriptor));
  }

  #listener(listen: (listener: PortableListener) => void): number {
    const slot = this.#claim();
    if (slot < 0) return slot;
    const listener = new PortableListener(this.#host, slot, this.#generations[slot]!, (socket) => {
      const accepted = this.#claim();
      if (accepted < 0) return accepted;
      const conn = new PortableConn(this.#host, socket, accepted, this.#generations[accepted]!);
      this.#entries[accepted] = conn;
      return conn.accepted();
    });
    try {
      listen(listener);
    } catch (error) {
      // Before it was anybody's: the slot is free again.
      this.#free.push(slot);
      const { errno } = error as NodeJS.ErrnoException;
      return typeof errno === 'number' ? errno : -EINVAL;
    }
    this.#entries[slot] = listener;
    return slot;
  }

  get datagrams(): PortableDatagrams {
    this.#datagrams ??= new PortableDatagrams(this.#host, {
      open: (make) => {
        const slot = this.#claim();
        if (slot >= 0) this.#entries[slot] = make(slot, this.#generations[slot]!);
        return slot;
      },
      at: (slot) => this.#entries[slot] as PortableDatagram,
    });
    return this.#datagrams;
  }

  connect(host: string, port: number, local: { host: string; port: number } | null): number {
    if (lacksInterface(host) || (local !== null && lacksInterface(local.host))) return -EINVAL;
    const from = local === null ? {} : { localAddress: local.host, localPort: local.port };
    return this.#connect({ host, port, ...from });
  }

  #connect(to: NetConnectOpts, name: string | null = null): number {
    const slot = this.#claim();
    if (slot < 0) return slot;
    const buffer = this.#shared;
    const socket = connect({
      ...to,
      allowHalfOpen: true,
      onread: { buffer, callback: (count: number) => conn.arrivedShared(buffer, count) },
    });
    const conn = new PortableConn(this.#host, socket, slot, this.#generations[slot]!);
    conn.name = name;
    this.#entries[slot] = conn;
    conn.connecting();
    return slot;
  }

  // Operations

  accept(slot: number): void {
    (this.#entries[slot] as PortableListener).accept();
  }

  recv(slot: number, _wanted: number): void {
    this.#conn(slot).recv();
  }

  readable(slot: number): void {
    this.#conn(slot).readable();
  }

  stream(slot: number, wanted: number): void {
    this.#conn(slot).stream(wanted > 0);
  }

  writable(slot: number): void {
    this.#conn(slot).writable();
  }

  drain(slot: number, level: number): void {
    this.#conn(slot).drain(level);
  }

  shutdown(slot: number, how: 'read' | 'write'): void {
    this.#conn(slot).shutdown(how);
  }

  close(slot: number): void {
    this.#entries[slot]!.close();
  }

  cancel(slot: number, op: Op): void {
    this.#entries[slot]!.cancel(op);
  }

  // Synchronous attempts: on what Node has brought already

  mayBeReadable(slot: number): boolean {
    return this.#entries[slot]!.mayBeReadable;
  }

  peek(slot: number): number {
    return this.#conn(slot).peek();
  }

  tryAccept(slot: number): number {
    return (this.#entries[slot] as PortableListener).tryAccept();
  }

  tryReceive(slot: number, most: number): number {
    const taken = this.#conn(slot).take(most);
    if (typeof taken === 'number') return taken;
    this.slab = taken;
    return taken.length;
  }

  tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number {
    const taken = this.#conn(slot).take(to - from);
    if (typeof taken === 'number') return taken;
    p.set(taken, from);
    return taken.length;
  }

  trySend(): number {
    return -EAGAIN;
  }

  trySendVector(): number {
    return -EAGAIN;
  }

  poll(): boolean {
    return false;
  }

  /** libuv has but one set, whose events it brings in turn. */
  pollers(): number {
    return 1;
  }

  assign(_slot: number, poller: number): number {
    return poller === 0 ? 0 : -EINVAL;
  }

  // Outbound chains

  stage(slot: number, p: Uint8Array, from: number, to: number): void {
    this.#conn(slot).stage(p, from, to);
  }

  outboundLength(slot: number): number {
    return this.#entries[slot]!.outboundLength;
  }

  flushNow(slot: number): void {
    this.#entries[slot]!.flush();
  }

  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const conn of dirty) {
      conn.dirty = false;
      conn.flush();
    }
  }

  #staged(conn: Owner & { dirty: boolean; flush(): void }): void {
    if (this.#exiting) {
      // Handlers of 'exit' that run after ours may write, too.
      conn.flush();
      return;
    }
    if (conn.dirty) return;
    conn.dirty = true;
    // Behind the poll phase that we are in: whoever it wakes beside us writes in the same go.
    this.#dirty.push(conn);
    this.#turns.begin();
  }

  // Options, addresses, life

  setOption(slot: number, option: SocketOption, value: number, second = 0): number {
    const entry = this.#entries[slot]!;
    const { inherited } = entry.kind === 'listener' ? entry : { inherited: null };
    switch (option) {
      case 'noDelay':
        if (inherited !== null) inherited.noDelay = value !== 0;
        else (entry as PortableConn).setNoDelay(value !== 0);
        return 0;
      case 'keepAlive':
        if (inherited !== null) inherited.keepAlive = value !== 0;
        else (entry as PortableConn).setKeepAlive(value !== 0, 0);
        return 0;
      case 'keepAliveIdle':
        if (inherited !== null) inherited.keepAliveIdle = value;
        else (entry as PortableConn).setKeepAlive(true, value);
        return 0;
      case 'linger':
        // Only its two ends: the system's way, and a reset.
        if (value !== 0 && second > 0) return -ENOTSUP;
        if (entry.kind !== 'conn') return -EINVAL;
        entry.setResets(value !== 0);
        return 0;
      default:
        return -ENOTSUP;
    }
  }

  getOption(): number {
    return -ENOTSUP;
  }

  localAddress(slot: number): SocketAddress | null {
    return this.#entries[slot]?.local ?? null;
  }

  remoteAddress(slot: number): SocketAddress | null {
    const entry = this.#entries[slot];
    return entry?.kind === 'conn' ? entry.remote : null;
  }

  hold(): void {
    this.#holder.hold();
  }

  release(): void {
    this.#holder.release();
  }

  // Completions

  #received({ slot, generation }: Owner, chunk: Uint8Array, op: typeof OP_RECV | typeof OP_STREAM): void {
    this.slab = chunk;
    this.#round();
    this.#receiver.complete(op, slot, generation, chunk.length, 0, op === OP_STREAM);
  }

  #complete(op: Op, { slot, generation }: Owner, result: number): void {
    const offset = op === OP_ACCEPT && result >= 0 ? this.#generations[result]! : 0;
    this.#round();
    this.#receiver.complete(op, slot, generation, result, offset, false);
  }

  /** The first event of a poll phase begins a round. */
  #round(): void {
    if (this.#turns.begin()) this.#receiver.round();
  }
}
