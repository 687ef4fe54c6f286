import type { OP_RECV, OP_STREAM, Op } from '../../driver.ts';
import type { OutboundBlocks } from './outbound.ts';

/** Who an operation belongs to. */
export interface Owner {
  readonly slot: number;
  readonly generation: number;
}

/** What connections and listeners ask of their driver. */
export interface Host {
  readonly blocks: OutboundBlocks;
  /** Changes with each iteration of the event loop that brings anything. */
  readonly turn: number;
  /** `conn.rested()` is called in the next one. */
  rest(conn: { rested(): void }): void;
  complete(op: Op, owner: Owner, result: number): void;
  /** Completes outside the present call. */
  post(op: Op, owner: Owner, result: number): void;
  /** Runs `action` outside the present call, if the slot is still this owner's by then. */
  later(owner: Owner, action: () => void): void;
  received(owner: Owner, chunk: Uint8Array, op: typeof OP_RECV | typeof OP_STREAM): void;
  fault(owner: Owner, errno: number, bytesUnsent: number): void;
  /** `conn` has something to hand over when the goroutines are through. */
  staged(conn: Owner & { dirty: boolean; flush(): void }): void;
  /** The slot is free; `tell`: the receiver asked for it. */
  closed(owner: Owner, tell: boolean): void;
}
