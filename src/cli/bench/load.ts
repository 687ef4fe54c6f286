import type { Endpoint } from '../proxy/address.ts';
import type { Counts } from './counts.ts';
import type { ReplyFormat } from './replies/index.ts';

/** What a load is to do; it can be sent to another process. Times are milliseconds. */
export interface Plan {
  readonly endpoint: Endpoint;
  readonly connections: number;
  /** The number of its first connection among those of all processes. */
  readonly firstConnection: number;
  /** Messages under way on a connection. */
  readonly depth: number;
  readonly payload: Uint8Array;
  readonly reply: ReplyFormat;
  /** Messages a second; null: a closed loop, each answer is followed by the next message. */
  readonly rate: number | null;
  /** Messages arrive at random instants (a Poisson process), not evenly. */
  readonly poisson: boolean;
  /** New connections a second; null: as fast as they come about. */
  readonly ramp: number | null;
  readonly dialTimeout: number;
  /** How long a connection may be silent while an answer is due. */
  readonly timeout: number;
}

/** Latencies go here, in nanoseconds. */
export interface Recorder {
  record(ns: number): void;
}

/** The load on one address. Its calls come in this order; `start` to `halt` may come again and again. */
export interface Load {
  /** Makes all connections. Rejects when not even the first one can be had; others are tried again later. */
  open(): Promise<void>;
  /** Sends; with `messages` so many and no more: then `spent` resolves when all have been dealt with. */
  start(messages?: number): void;
  /** As `measure`, in a warm-up: V8 is to have compiled what will measure. A recorder may be told, and is to forget it. */
  rehearse(): void;
  /** Counts begin anew: what is answered from now on (open loop: what is due from now on) is measured. */
  measure(): void;
  /** Resolves when the messages of `start` have been answered or lost; for ever pending without a number. */
  readonly spent: Promise<void>;
  /** The window ends. Sends nothing more, and waits for the answers that are due. What was counted. */
  halt(): Promise<Counts>;
  /** As it stands now. */
  counts(): Counts;
  close(): Promise<void>;
}
