import type { Socket } from 'node:net';
import {
  OP_CONNECT,
  OP_DRAIN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_STREAM,
  OP_WRITABLE,
  type Op,
  type SocketAddress,
} from '../../driver.ts';
import { EAGAIN, ECANCELED, ECONNRESET, ENOTSUP, EPIPE } from '../../errno.ts';
import type { Host } from './host.ts';
import { Sending } from './sending.ts';

/** So much of one connection an iteration of the event loop: libuv would go on for megabytes, whoever else waits. */
const MOST_A_TURN = 256 * 1024;
const RECV = 1 << OP_RECV;
const READABLE = 1 << OP_READABLE;
const WRITABLE = 1 << OP_WRITABLE;
const CONNECT = 1 << OP_CONNECT;
/** Not an operation: the interest `stream` is on. */
const STREAM = 1 << OP_STREAM;

/** How a socket's listeners find its connection: they are shared, a closure for each socket would be memory. */
const CONN = Symbol('conn');
/** What Node's own `destroy` looks at. */
type Resettable = Socket & { resetAndClosing?: boolean };
type OwnedSocket = Socket & { [CONN]?: PortableConn };
const connOf = (socket: OwnedSocket): PortableConn => socket[CONN]!;

function onData(this: Socket, chunk: Buffer): void {
  connOf(this).arrived(chunk);
}
function onEnd(this: Socket): void {
  connOf(this).ended();
}
function onError(this: Socket, error: NodeJS.ErrnoException): void {
  connOf(this).failed(error);
}
function onClose(this: Socket): void {
  connOf(this).gone();
}
function onConnect(this: Socket): void {
  connOf(this).connected();
}

/**
 * One connection on a `net.Socket`. The socket flows while somebody reads; the first chunk that nobody waits for is
 * held here and pauses it.
 */
export class PortableConn {
  readonly kind = 'conn';
  readonly slot: number;
  readonly generation: number;
  local: SocketAddress | null = null;
  remote: SocketAddress | null = null;
  /** Of a Unix socket: the name that it was connected to. */
  name: string | null = null;
  readonly #host: Host;
  readonly #socket: Socket;
  /** Operations in flight, a bit each. */
  #wanted = 0;
  /** Bytes that came with nobody waiting. */
  #held: Uint8Array | null = null;
  #paused = true;
  /** The turn that `#received` counts for, and whether that was enough for it. */
  #turn = 0;
  #received = 0;
  #resting = false;
  #ended = false;
  #closing = false;
  #gone = false;
  #shutting = false;
  /** The receiver was given its slot. */
  #known = true;
  /** Linger 0. */
  #resets = false;
  /** The errno that ended the socket, 0 while it lives. */
  #failure = 0;
  /** What readers are told of it. */
  #readFailure = 0;
  readonly #sending: Sending;
  dirty = false;

  constructor(host: Host, socket: Socket, slot: number, generation: number) {
    this.#host = host;
    this.#socket = socket;
    this.slot = slot;
    this.generation = generation;
    this.#sending = new Sending(host, this, socket);
    (socket as OwnedSocket)[CONN] = this;
    socket.unref();
    socket.on('end', onEnd).on('error', onError).on('close', onClose);
  }

  /** An accepted socket, paused. */
  accepted(): this {
    this.#socket.on('data', onData);
    this.#learnAddresses();
    return this;
  }

  /** A socket that was told to connect. Its bytes come by way of `onread`. */
  connecting(): this {
    this.#wanted |= CONNECT;
    this.#socket.pause();
    this.#socket.once('connect', onConnect);
    return this;
  }

  #learnAddresses(): void {
    // At once: a socket that was reset knows neither any more.
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    if (localAddress !== undefined) this.local = { host: localAddress, port: localPort! };
    if (remoteAddress !== undefined) this.remote = { host: remoteAddress, port: remotePort! };
  }

  // What the socket tells

  connected(): void {
    this.#learnAddresses();
    this.#complete(OP_CONNECT, 0);
  }

  /** A chunk of ours to keep. */
  arrived(chunk: Uint8Array): void {
    if (this.#closing) return;
    if (this.#wanted & (RECV | STREAM)) {
      this.#deliver(chunk);
      if (this.#resting) this.#pause();
      return;
    }
    this.#hold(chunk);
    this.#pause();
  }

  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  /** Bytes in memory that all sockets share. False: no more of them now. */
  arrivedShared(buffer: Uint8Array, count: number): boolean {
    if (this.#closing) return false;
    if (this.#wanted & (RECV | STREAM)) {
      this.#deliver(buffer.subarray(0, count));
      this.#paused = this.#resting;
      return !this.#resting;
    }
    this.#hold(buffer.slice(0, count));
    this.#paused = true;
    return false;
  }

  #deliver(chunk: Uint8Array): void {
    const op = this.#wanted & RECV ? OP_RECV : OP_STREAM;
    this.#wanted &= ~RECV;
    this.#host.received(this, chunk, op);
    const { turn } = this.#host;
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#received = 0;
    }
    this.#received += chunk.length;
    if (this.#received < MOST_A_TURN || this.#resting) return;
    this.#resting = true;
    this.#host.rest(this);
  }

  /** The next iteration of the event loop. */
  rested(): void {
    this.#resting = false;
    if (!this.mayBeReadable && this.#wanted & (RECV | READABLE | STREAM)) this.#flow();
  }

  #hold(chunk: Uint8Array): void {
    this.#held = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#complete(OP_READABLE, 0);
  }

  ended(): void {
    this.#ended = true;
    this.#tellReaders(0);
  }

  failed(error: NodeJS.ErrnoException): void {
    const errno = typeof error.errno === 'number' ? Math.abs(error.errno) : ECONNRESET;
    this.#failure = errno;
    // The receive side of a socket that Node has given up: what the kernel still held is lost, so it is no orderly end.
    this.#readFailure = errno === EPIPE ? ECONNRESET : errno;
    if (this.#wanted & CONNECT) {
      this.#complete(OP_CONNECT, -errno);
      return;
    }
    this.#sending.fault(errno);
    this.#tellReaders(-this.#readFailure);
  }

  /** The socket is really closed. */
  gone(): void {
    this.#gone = true;
    if (this.#closing) this.#host.closed(this, this.#known);
    else if (!this.#ended) this.#tellReaders(this.#failure === 0 ? 0 : -this.#readFailure);
  }

  #tellReaders(result: number): void {
    if (this.#closing || this.#held !== null) return;
    if (this.#wanted & RECV) this.#complete(OP_RECV, result);
    else if (this.#wanted & STREAM) this.#complete(OP_STREAM, result);
    else this.#complete(OP_READABLE, 0);
  }

  // Receiving

  recv(): void {
    this.#wanted |= RECV;
    if (this.mayBeReadable) this.#host.later(this, () => this.#receiveHeld());
    else this.#flow();
  }

  readable(): void {
    this.#wanted |= READABLE;
    if (this.mayBeReadable) this.#host.later(this, () => this.#complete(OP_READABLE, 0));
    else this.#flow();
  }

  /** Off, the socket flows on until the next chunk, which is held and pauses it. */
  stream(on: boolean): void {
    if (!on) {
      this.#wanted &= ~STREAM;
    } else if (!(this.#wanted & STREAM)) {
      this.#wanted |= STREAM;
      if (this.mayBeReadable) this.#host.later(this, () => this.#receiveHeld());
      else this.#flow();
    }
  }

  #receiveHeld(): void {
    if (!(this.#wanted & (RECV | STREAM))) return;
    const held = this.#held;
    if (held === null) {
      const op = this.#wanted & RECV ? OP_RECV : OP_STREAM;
      if (this.#ended || this.#failure !== 0) this.#complete(op, 0 - this.#readFailure);
      return;
    }
    this.#held = null;
    this.#deliver(held);
    // Between two chunks the end may have come.
    if (this.#wanted & STREAM) {
      if (this.mayBeReadable) this.#host.later(this, () => this.#receiveHeld());
      else this.#flow();
    }
  }

  #flow(): void {
    if (!this.#paused || this.#resting || this.#closing) return;
    this.#paused = false;
    this.#socket.resume();
  }

  get mayBeReadable(): boolean {
    return this.#held !== null || this.#ended || this.#failure !== 0;
  }

  peek(): number {
    if (this.#held !== null) return 1;
    if (this.#failure !== 0) return -this.#readFailure;
    return this.#ended ? 0 : -EAGAIN;
  }

  /** Some of the bytes at hand, at most `most`; a negated errno, or 0 at the end. */
  take(most: number): Uint8Array | number {
    const held = this.#held;
    if (held === null) return this.peek();
    this.#held = held.length > most ? held.subarray(most) : null;
    return held.length > most ? held.subarray(0, most) : held;
  }

  // Sending

  get outboundLength(): number {
    return this.#sending.length;
  }

  stage(p: Uint8Array, from: number, to: number): void {
    this.#sending.append(p, from, to);
    this.#host.staged(this);
  }

  flush(): void {
    this.#sending.flush();
  }

  drain(level: number): void {
    this.#sending.drain(level);
  }

  writable(): void {
    this.#wanted |= WRITABLE;
    this.#host.later(this, () => this.#complete(OP_WRITABLE, 0));
  }

  shutdown(how: 'read' | 'write'): void {
    if (how === 'read') {
      this.#host.post(OP_SHUTDOWN, this, -ENOTSUP);
      return;
    }
    this.#shutting = true;
    this.#socket.end((error?: Error | null) => {
      if (!this.#shutting) return;
      this.#shutting = false;
      this.#host.complete(OP_SHUTDOWN, this, error ? -(this.#failure || EPIPE) : 0);
    });
  }

  // Options

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean, idleSeconds: number): void {
    this.#socket.setKeepAlive(on, 1000 * idleSeconds);
  }

  setResets(on: boolean): void {
    this.#resets = on;
  }

  // Ending

  cancel(op: Op): void {
    if (op === OP_DRAIN) {
      if (!this.#sending.cancelDrain()) return;
    } else {
      if (!(this.#wanted & (1 << op))) return;
      this.#wanted &= ~(1 << op);
    }
    this.#host.post(op, this, -ECANCELED);
  }

  close(): void {
    for (const op of [OP_RECV, OP_READABLE, OP_WRITABLE, OP_CONNECT, OP_DRAIN] as const) this.cancel(op);
    const shutting = this.#shutting;
    if (shutting) {
      this.#shutting = false;
      this.#host.post(OP_SHUTDOWN, this, -ECANCELED);
    }
    this.#closing = true;
    this.#wanted &= ~STREAM;
    this.#held = null;
    this.#sending.close();
    const socket = this.#socket;
    if (this.#gone) this.#host.later(this, () => this.#host.closed(this, this.#known));
    else {
      // Not `resetAndDestroy`: it shuts down first, and where an error destroys the socket meanwhile, its reset is
      // refused and Node never closes the descriptor. So a socket that is being shut down cannot be reset either.
      if (this.#resets && !shutting && !socket.connecting) (socket as Resettable).resetAndClosing = true;
      socket.destroy();
    }
  }

  /** Nobody ever accepted it, and nobody knows its slot. */
  abandon(): void {
    this.#known = false;
    this.close();
  }

  /** Completes an operation that is still in flight. */
  #complete(op: Op, result: number): void {
    if (!(this.#wanted & (1 << op))) return;
    this.#wanted &= ~(1 << op);
    this.#host.complete(op, this, result);
  }
}
