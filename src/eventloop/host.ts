import type { ConnFamily } from '../net/slot-listener.ts';
import type { Poller } from '../poll/index.ts';
import type { Balance } from './balance.ts';
import type { Connection } from './connection.ts';

/**
 * A callback of an event loop. What it throws, or rejects with, closes the connection and goes to `runtime.onError`.
 *
 * @example
 * ```ts
 * import type { ConnectionCallback } from 'gopark/eventloop';
 *
 * export const discard: ConnectionCallback = (conn) => void conn.reader.trySkip(conn.len);
 * ```
 */
export type ConnectionCallback = (conn: Connection) => void | Promise<void>;

/**
 * What happens when more than `writeHighWater` bytes wait for a peer that does not read them: see docs/eventloop.md.
 *
 * @example
 * ```ts
 * import { EventLoop, type WritePolicy } from 'gopark/eventloop';
 *
 * const whenFull: WritePolicy = 'close';
 * const loop = new EventLoop({ whenFull, writeHighWater: 256 * 1024 });
 * ```
 */
export type WritePolicy = 'wait' | 'close' | 'error';

/** The marks and times of a connection, with their defaults filled in. */
export interface Limits {
  /** In milliseconds; 0: none. */
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly idleTimeout: number;
  readonly readHighWater: number;
  readonly readLowWater: number;
  readonly writeHighWater: number;
  readonly whenFull: WritePolicy;
  readonly halfOpen: boolean;
}

/** The callbacks of an event loop. */
export interface LoopCallbacks {
  /**
   * A connection was accepted, and nothing of it is received yet: set it up, or `close` it. Must not wait, nor read
   * or write: nobody waits for it. If it gives a promise all the same, and that rejects, it is as if it had thrown.
   */
  onPrepare?: (conn: Connection) => void;
  /**
   * May read, write and wait. `onRequest` is not called before it has ended. While it waits it is one of
   * `configure({ goroutines })`: where all of those wait for ever, nobody else's begins.
   */
  onConnect?: ConnectionCallback;
  /**
   * Bytes have come. Called once at a time for a connection, again while it consumes something and something is left,
   * then when more comes. What it does not consume waits for the next call.
   */
  onRequest?: ConnectionCallback;
  /**
   * The peer has ended its stream, or the connection broke. Not called for a close of ours. May run beside `onRequest`
   * (to cancel what that waits for), never beside `onConnect`.
   */
  onDisconnect?: ConnectionCallback;
}

/** Who wants to know for how long callbacks run. */
export interface Watch {
  /** A callback of it has returned after so many milliseconds, or come to its first `await`. */
  ran(conn: Connection, ms: number): void;
}

/** What all connections of one listener, or all that were dialled alike, have in common. */
export interface Host {
  readonly poller: Poller;
  readonly balance: Balance;
  readonly family: ConnFamily;
  readonly limits: Limits;
  readonly onRequest: ConnectionCallback | null;
  readonly onDisconnect: ConnectionCallback | null;
  /** Almost always null: the clock is not looked at. */
  readonly watch: Watch | null;
  /** Connections end as soon as they have nothing to do. */
  readonly stopping: boolean;
  /** A handler has waited: presumably all do. */
  waits: boolean;
  /** The same of `onConnect`. */
  connectWaits: boolean;
  /** The connection's close callbacks have run. */
  left(conn: Connection): void;
}
