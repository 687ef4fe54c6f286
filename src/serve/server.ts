import { adopt, type Listener, listen, OpError, type StreamConn } from '../net/index.ts';
import { escapeText } from '../runtime/escape.ts';
import { go, sleep } from '../runtime/index.ts';
import { Backoff } from './backoff.ts';
import { Balancing } from './balance/balancing.ts';
import { type MoveCount, Moves } from './balance/moves.ts';
import { pick } from './balance/pick.ts';
import type { Load } from './load.ts';
import type { Handed, Shed } from './messages.ts';
import { type Crash, checkOptions, handlerUrl, type Plan, type ServeOptions } from './options.ts';
import { type ProcState, ProcThread } from './proc-thread.ts';

/**
 * One P of a server, and how busy it is.
 *
 * @example
 * ```ts
 * import { type ProcStatus, serve } from 'gopark/serve';
 *
 * const server = await serve({ listen: 'tcp://127.0.0.1:9000', handler: new URL('./handler.js', import.meta.url) });
 * const busiest = (procs: ProcStatus[]) => procs.toSorted((a, b) => b.utilization - a.utilization)[0];
 * console.log(busiest(server.procs));
 * ```
 */
export interface ProcStatus extends Load {
  readonly index: number;
  /** Node's `threadId`. */
  readonly threadId: number;
  readonly state: ProcState;
  /** How often it has died and was started again. */
  readonly restarts: number;
}

/**
 * What a server says of itself.
 *
 * @example
 * ```ts
 * import { type ServerStats, serve } from 'gopark/serve';
 *
 * const server = await serve({ listen: 'tcp://127.0.0.1:9000', handler: new URL('./handler.js', import.meta.url) });
 * const moved = ({ moves }: ServerStats) => moves.reduce((sum, { count }) => sum + count, 0);
 * setInterval(() => console.log(server.stats().procs, moved(server.stats())), 10_000);
 * ```
 */
export interface ServerStats {
  readonly procs: readonly ProcStatus[];
  /** Every connection that went from one P to another, counted by who, to whom and why. */
  readonly moves: readonly MoveCount[];
}

/**
 * Options of a reload.
 *
 * @example
 * ```ts
 * import { type ReloadOptions, serve } from 'gopark/serve';
 *
 * const server = await serve({ listen: 'tcp://127.0.0.1:9000', handler: new URL('./handler.js', import.meta.url) });
 * const options: ReloadOptions = { handler: new URL('./handler-2.js', import.meta.url) };
 * process.on('SIGHUP', () => server.reload(options));
 * ```
 */
export interface ReloadOptions {
  /** Another module; else the same one, as it is now. */
  handler?: URL | string;
  /** How long connections of the old Ps may take to end by themselves, in milliseconds. Default: as long as it takes. */
  timeout?: number;
}

const SHUTDOWN_TIMEOUT = 10_000;

/** A place for a P: the one that is there now, and what became of those before it. */
interface Place {
  proc: ProcThread;
  restarts: number;
  readonly backoff: Backoff;
}

/**
 * Ps at work. Made by `serve`.
 *
 * @example
 * ```ts
 * import { type Server, serve } from 'gopark/serve';
 *
 * const server: Server = await serve({
 *   listen: 'tcp://127.0.0.1:9000',
 *   handler: new URL('./handler.js', import.meta.url),
 * });
 * process.once('SIGTERM', async () => console.log(await server.shutdown({ timeout: 5000 }), 'cut off'));
 * process.on('SIGHUP', () => server.reload());
 * ```
 */
export class Server {
  #plan: Plan;
  #places: Place[] = [];
  /** Ps of earlier handlers, while they have connections. */
  readonly #old = new Set<ProcThread>();
  #address: string;
  #listener: Listener<StreamConn> | null = null;
  #turn = 0;
  readonly #moves = new Moves();
  #balancing: Balancing | null = null;
  readonly #stopping = new AbortController();

  /** @internal */
  constructor(plan: Plan) {
    this.#plan = plan;
    this.#address = plan.address;
  }

  /** @internal */
  async start(): Promise<void> {
    const { intake, network } = this.#plan;
    if (intake === 'handed') {
      this.#listener = await listen(network, this.#address, this.#plan.listenOptions);
      this.#address = String(this.#listener.addr);
    }
    try {
      this.#places = await this.#startAll();
    } catch (error) {
      await this.#listener?.close();
      throw error;
    }
    for (const place of this.#places) this.#watch(place);
    const { balance, procs } = this.#plan;
    if (balance !== null && procs > 1) this.#balancing = new Balancing(this, balance);
    const listener = this.#listener;
    if (listener !== null) go(() => this.#distribute(listener)).markInternal();
  }

  /** All Ps of the plan. Rejects when one of them cannot be, and then none is left. */
  async #startAll(): Promise<Place[]> {
    const { procs, intake } = this.#plan;
    const places: Place[] = [];
    const add = (index: number) => {
      const proc = this.#startOne(index);
      places.push({ proc, restarts: 0, backoff: new Backoff() });
      return proc.ready;
    };
    try {
      const first = add(0);
      // It may be the one to choose the port.
      if (intake !== 'handed') this.#address = await first;
      await Promise.all([first, ...Array.from({ length: procs - 1 }, (_, i) => add(i + 1))]);
    } catch (error) {
      for (const { proc } of places) proc.stop();
      throw error;
    }
    return places;
  }

  #startOne(index: number): ProcThread {
    const proc = new ProcThread(this.#plan, index, this.#address);
    proc.onRefused = (handed) => this.#placeAgain(handed, proc, 'refused');
    proc.onShed = (shed) => this.#shed(shed, proc);
    void proc.gone.then(() => {
      // What it never took: it is not lost, for it was not its own yet.
      for (const handed of proc.takeBack(0)) this.#placeAgain(handed, proc, 'ended');
    });
    return proc;
  }

  /** Where it listens, with the port that the system chose. */
  get addr(): string {
    return this.#address;
  }

  get procs(): ProcStatus[] {
    return this.#places.map(({ proc, restarts }) => ({
      index: proc.index,
      threadId: proc.threadId,
      state: proc.state,
      restarts,
      ...proc.load,
    }));
  }

  /** All that is known about the Ps, and what moved between them. */
  stats(): ServerStats {
    return { procs: this.procs, moves: this.#moves.list };
  }

  // Connections that are handed over

  async #distribute(listener: Listener<StreamConn>): Promise<void> {
    for await (const conn of listener) {
      try {
        this.#place({ detached: await conn.detach(), moved: false }, null);
      } catch (error) {
        // It has gone already, or too many are on their way.
        if (!(error instanceof OpError)) throw error;
      }
    }
  }

  /** Gives it to whom the policy chooses, never to `not`: the chosen one, or null when there is nobody. */
  #place(handed: Handed, not: ProcThread | null): ProcThread | null {
    const { loadBalance, balance } = this.#plan;
    const able = this.current.filter((proc) => proc.state === 'ready' && proc !== not);
    const loads = able.map(({ load }) => load);
    const chosen = able[pick(loadBalance, loads, this.#turn++, balance?.gap ?? null)] ?? null;
    if (chosen === null) discard(handed);
    else chosen.hand(handed);
    return chosen;
  }

  #placeAgain(handed: Handed, from: ProcThread, why: MoveCount['why']): void {
    if (this.#stopping.signal.aborted) {
      discard(handed);
      return;
    }
    const to = this.#place(handed, from);
    if (to !== null) this.#moves.add(from.index, to.index, handed.moved ? 'connection' : 'accepted', why);
  }

  /** @internal */
  placeElsewhere(handed: Handed, not: ProcThread): void {
    this.#placeAgain(handed, not, 'hung');
  }

  /** @internal */
  get current(): readonly ProcThread[] {
    return this.#places.map(({ proc }) => proc);
  }

  /** What a P gives away goes to whom it was told to give it, if that is still there. */
  #shed({ detached, moved, to, why }: Shed, from: ProcThread): void {
    const wanted = this.#places[to]?.proc;
    if (wanted?.state !== 'ready') {
      this.#placeAgain({ detached, moved }, from, why);
      return;
    }
    wanted.hand({ detached, moved });
    this.#moves.add(from.index, to, moved ? 'connection' : 'accepted', why);
  }

  // The life of Ps

  /** Starts another one in the place of one that died. */
  #watch(place: Place): void {
    const { proc } = place;
    void proc.gone.then(async (error) => {
      if (error === null || this.#stopping.signal.aborted || place.proc !== proc) return;
      const restartsIn = place.backoff.after(performance.now() - proc.born);
      this.#crashed({ index: proc.index, threadId: proc.threadId, error, restartsIn });
      await sleep(restartsIn, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted || !this.#places.includes(place)) return;
      place.restarts++;
      place.proc = this.#startOne(proc.index);
      this.#watch(place);
    });
  }

  #crashed(crash: Crash): void {
    const { onCrash } = this.#plan;
    if (onCrash !== undefined) {
      onCrash(crash);
      return;
    }
    const why = escapeText(crash.error.stack ?? String(crash.error));
    console.error(`gopark: P ${crash.index} has died, the next one starts in ${crash.restartsIn} ms: ${why}`);
  }

  /**
   * Starts new Ps, with another handler or a changed module, lets them take all new connections, and ends the old ones
   * when their connections have ended. When one of the new ones cannot start, all stays as it was and it rejects.
   *
   * @returns how many connections of the old ones had to be cut off
   */
  async reload(options: ReloadOptions = {}): Promise<number> {
    const { handler, timeout = Number.POSITIVE_INFINITY } = options;
    const before = this.#plan;
    if (handler !== undefined) this.#plan = { ...before, handler: handlerUrl(handler) };
    let places: Place[];
    try {
      places = await this.#startAll();
    } catch (error) {
      this.#plan = before;
      throw error;
    }
    const old = this.#places.map(({ proc }) => proc);
    this.#places = places;
    for (const place of places) this.#watch(place);
    for (const proc of old) this.#old.add(proc);
    const cutOff = await Promise.all(
      old.map((proc) => proc.drain(timeout).finally(() => this.#old.delete(proc))),
    );
    return sum(cutOff);
  }

  /**
   * Stops accepting, and ends each P when its connections have ended; what is left after `timeout` milliseconds
   * (10,000), or when `signal` fires, is cut off.
   *
   * @returns how many connections had to be cut off
   */
  async shutdown(options: { timeout?: number; signal?: AbortSignal } = {}): Promise<number> {
    const { timeout = SHUTDOWN_TIMEOUT, signal } = options;
    this.#stopping.abort();
    this.#balancing?.end();
    await this.#listener?.close().catch(() => {});
    this.#listener = null;
    const procs = [...this.#places.map(({ proc }) => proc), ...this.#old];
    const cut = () => {
      for (const proc of procs) proc.stop();
    };
    if (signal?.aborted) cut();
    signal?.addEventListener('abort', cut, { once: true });
    try {
      return sum(await Promise.all(procs.map((proc) => proc.drain(timeout))));
    } finally {
      signal?.removeEventListener('abort', cut);
    }
  }
}

/** Nobody is there to serve it: the peer sees the end at once. */
function discard({ detached }: Handed): void {
  try {
    adopt(detached).closeNow();
  } catch (error) {
    // It has found somebody, or its lease has ended: there is nothing left to close.
    if (!(error instanceof OpError)) throw error;
  }
}

const sum = (counts: number[]) => counts.reduce((all, count) => all + count, 0);

/**
 * Serves with several Ps: threads, each with an event loop and a driver of its own, in one process. A P that dies
 * takes its connections with it and nothing else, is reported, and is started again: after 100 ms, twice as long each
 * time it dies again, at most 10 seconds.
 *
 * Handler modules are loaded once in each P: what they keep in variables is the P's own. For what all must know there
 * are `SharedChan` and `data`.
 *
 * @returns rejects when the address cannot be listened at, or the module does not load in one of the Ps.
 *
 * @example
 * ```ts
 * import { serve } from 'gopark/serve';
 *
 * const server = await serve({
 *   listen: 'tcp://127.0.0.1:9000',
 *   handler: new URL('./handler.js', import.meta.url), // export default async (conn) => { ... }
 * });
 * console.log(`${server.procs.length} Ps at ${server.addr}`);
 * ```
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const server = new Server(checkOptions(options));
  await server.start();
  return server;
}
