import type { Socket } from 'node:net';
import { OP_DRAIN } from '../../driver.ts';
import { EPIPE } from '../../errno.ts';
import type { Host, Owner } from './host.ts';
import { type Block, OutboundChain } from './outbound.ts';

const NO_BYTES = Buffer.alloc(0);

/** The sending half of a connection: its chain, and what of it the socket has and the kernel has not. */
export class Sending {
  readonly #host: Host;
  readonly #owner: Owner;
  readonly #socket: Socket;
  readonly #chain: OutboundChain;
  /** Handed to the socket, and not all in the kernel yet. */
  #inFlight = 0;
  #inFlightBlock: Block | null = null;
  /** The level that a drain in flight waits for. */
  #level = -1;
  #closed = false;

  constructor(host: Host, owner: Owner, socket: Socket) {
    this.#host = host;
    this.#owner = owner;
    this.#socket = socket;
    this.#chain = new OutboundChain(host.blocks);
  }

  get length(): number {
    return this.#chain.length + this.#inFlight;
  }

  append(p: Uint8Array, from: number, to: number): void {
    this.#chain.append(p, from, to);
  }

  /** Hands the chain to the socket, which takes one at a time. */
  flush(): void {
    if (this.#inFlight > 0 || this.#chain.length === 0) return;
    const socket = this.#socket;
    if (socket.destroyed) {
      this.#host.later(this.#owner, () => this.fault(EPIPE));
      return;
    }
    const { bytes, block } = this.#chain.take();
    socket.write(bytes);
    this.#inFlightBlock = block;
    if (socket.errored !== null) {
      // The event that tells more comes later: whoever waits for this very flush must know before.
      this.#inFlight = bytes.length;
      const { errno } = socket.errored as NodeJS.ErrnoException;
      this.#host.later(this.#owner, () => this.fault(errno === undefined ? EPIPE : Math.abs(errno)));
    } else if (socket.writableLength > 0) {
      this.#inFlight = bytes.length;
      // Behind it, so that only slow peers cost a callback.
      socket.write(NO_BYTES, (error) => {
        if (!error) this.#sent();
      });
    } else {
      this.#releaseBlock();
    }
  }

  #sent(): void {
    this.#inFlight = 0;
    this.#releaseBlock();
    if (this.#closed) return;
    this.flush();
    this.#completeDrain(0);
  }

  #releaseBlock(): void {
    this.#chain.done(this.#inFlightBlock);
    this.#inFlightBlock = null;
  }

  /** The socket is dead: what it has not sent is lost. */
  fault(errno: number): void {
    const unsent = this.length;
    if (this.#closed || unsent === 0) return;
    // The socket may still have the block: it is the garbage collector's now.
    this.#inFlightBlock = null;
    this.#inFlight = 0;
    this.#chain.drop();
    this.#host.fault(this.#owner, errno, unsent);
    this.#completeDrain(-errno);
  }

  drain(level: number): void {
    this.#level = level;
    this.flush();
    this.#host.later(this.#owner, () => this.#completeDrain(0));
  }

  /** Whether a drain was in flight. */
  cancelDrain(): boolean {
    const draining = this.#level >= 0;
    this.#level = -1;
    return draining;
  }

  #completeDrain(result: number): void {
    if (this.#level < 0 || (result === 0 && this.length > this.#level)) return;
    this.#level = -1;
    this.#host.complete(OP_DRAIN, this.#owner, result);
  }

  /** Nothing of the chain goes any more. */
  close(): void {
    this.#closed = true;
    this.#chain.drop();
  }
}
