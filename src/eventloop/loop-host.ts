import type { ConnFamily } from '../net/slot-listener.ts';
import type { Poller } from '../poll/index.ts';
import { type Balance, balanceOf } from './balance.ts';
import { Connection } from './connection.ts';
import { isThenable } from './goroutine.ts';
import type { ConnectionCallback, Host, Limits, LoopCallbacks, Watch } from './host.ts';
import { IdleSweep } from './idle-sweep.ts';

/** What the hosts of one event loop have in common. */
export interface LoopPart {
  readonly callbacks: LoopCallbacks;
  readonly limits: Limits;
  readonly stopping: AbortSignal;
  watch: Watch | null;
  /** So many connections more, or less. */
  count(change: number): void;
}

/** All that have connections, or accept: so that a shutdown finds those whose listener was closed long ago. */
const hosts = new Set<LoopHost>();

/** The hosts of the event loop with this signal. */
export function hostsOf(stopping: AbortSignal): LoopHost[] {
  return [...hosts].filter((host) => host.loop.stopping === stopping);
}

/** Connections of an event loop that are alike: those of one listener, or those that were adopted. */
export class LoopHost implements Host {
  readonly loop: LoopPart;
  readonly poller: Poller;
  readonly balance: Balance;
  readonly family: ConnFamily;
  readonly limits: Limits;
  readonly onRequest: ConnectionCallback | null;
  readonly onDisconnect: ConnectionCallback | null;
  waits = false;
  connectWaits = false;
  readonly #idle: IdleSweep | null;
  #connections = 0;
  #accepting = false;

  constructor(loop: LoopPart, poller: Poller, family: ConnFamily) {
    this.loop = loop;
    this.poller = poller;
    this.balance = balanceOf(poller);
    this.family = family;
    this.limits = loop.limits;
    this.onRequest = loop.callbacks.onRequest ?? null;
    this.onDisconnect = loop.callbacks.onDisconnect ?? null;
    this.#idle = loop.limits.idleTimeout > 0 ? new IdleSweep(this) : null;
  }

  get watch(): Watch | null {
    return this.loop.watch;
  }

  get stopping(): boolean {
    return this.loop.stopping.aborted;
  }

  /** More will come by themselves, or not any more. */
  set accepting(on: boolean) {
    this.#accepting = on;
    if (on) hosts.add(this);
    else this.#forget();
  }

  /** A connection for the slot. `prepare` is what only the caller knows to do before anything else. */
  open(slot: number, connect: boolean, prepare?: (conn: Connection) => void): Connection {
    const conn = new Connection(this, slot);
    if (this.#connections++ === 0) hosts.add(this);
    this.loop.count(1);
    prepare?.(conn);
    const { onPrepare, onConnect } = this.loop.callbacks;
    if (onPrepare !== undefined) {
      try {
        const result: unknown = onPrepare(conn);
        // It must not wait, but what it says is heard.
        if (isThenable(result)) {
          Promise.resolve(result).catch((error: unknown) => conn.callbackFailed(error, onPrepare));
        }
      } catch (error) {
        conn.callbackFailed(error, onPrepare);
      }
    }
    conn.open(connect ? (onConnect ?? null) : null);
    conn.look();
    this.#idle?.begin();
    return conn;
  }

  left(): void {
    this.#connections--;
    this.loop.count(-1);
    this.#forget();
  }

  #forget(): void {
    if (this.#connections > 0 || this.#accepting) return;
    this.#idle?.end();
    hosts.delete(this);
  }
}
