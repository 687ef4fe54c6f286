import { setMaxListeners } from 'node:events';
import { IOError } from '../../io/index.ts';
import {
  Dialer,
  type Listener,
  ProxyProtocolError,
  readProxyHeader,
  type Serving,
  type StreamConn,
  startServing,
} from '../../net/index.ts';
import { escapeText } from '../../runtime/escape.ts';
import { go, gosched, sleep } from '../../runtime/index.ts';
import { AccessLog } from './access-log.ts';
import { listenAll } from './address.ts';
import { startAdmin } from './admin.ts';
import { type Counters, newCounters } from './counters.ts';
import { introduction, ownIntroduction } from './introduce.ts';
import { Link } from './link.ts';
import type { ProxyOptions, Target } from './options.ts';
import { type Beginning, peekClientHello } from './peek.ts';
import { NoUpstreamError, Pool } from './pool.ts';
import { type Report, reportOf } from './report.ts';
import { reset } from './reset.ts';
import { Routes } from './routes.ts';
import { Upstream } from './upstream.ts';

/** A fatal TLS alert: unrecognized_name. */
const UNRECOGNIZED_NAME = Uint8Array.of(21, 3, 1, 0, 2, 2, 112);

/** How long goroutines may take to notice that their connections are closed, in milliseconds. */
const LAST_WORDS = 1000;

/** A connection before, while and after it has an upstream. */
interface Visit {
  readonly client: StreamConn;
  readonly began: Date;
  serverName: string | null;
  upstream: Upstream | null;
  link: Link | null;
}

/** Passes connections on: see docs/proxy.md. */
export class ProxyServer {
  readonly options: ProxyOptions;
  readonly counters: Counters = newCounters();
  readonly pools: readonly Pool[];
  readonly links: ReadonlySet<Link>;
  readonly #links = new Set<Link>();
  readonly #default: Pool | null;
  readonly #routes: Routes | null;
  readonly #servings: Serving<StreamConn>[] = [];
  readonly #log: AccessLog | null;
  /** Ends dials and probes, and what looks after connections. */
  readonly #over = new AbortController();
  readonly #started = performance.now();
  #admin: Serving<StreamConn> | null = null;
  #draining = false;

  private constructor(options: ProxyOptions, log: AccessLog | null) {
    this.options = options;
    this.links = this.#links;
    this.#log = log;
    setMaxListeners(0, this.#over.signal);
    this.#default = options.to.length === 0 ? null : this.#pool('default', options.to);
    const routed = [...options.routes].map(([name, targets]) => this.#pool(name, targets));
    this.pools = this.#default === null ? routed : [this.#default, ...routed];
    this.#routes = routed.length === 0 ? null : new Routes();
    for (const pool of routed) this.#routes!.add(pool.name, pool);
  }

  /** Listens and serves until `shutdown`. `most`: connections of each listener. Rejects where it cannot listen. */
  static async start(options: ProxyOptions, most: number): Promise<ProxyServer> {
    const log = options.log === null ? null : await AccessLog.open(options.log);
    const proxy = new ProxyServer(options, log);
    try {
      for (const listener of await listenAll(options.listen, most)) proxy.#serve(listener);
      if (options.admin !== null) proxy.#admin = await startAdmin(options.admin, () => proxy.report());
    } catch (error) {
      await proxy.shutdown({ timeout: 0 });
      throw error;
    }
    if (options.idleTimeout > 0) go(() => proxy.#watchIdle(options.idleTimeout));
    return proxy;
  }

  /** Where it listens, in the order of the options; then where it answers questions. */
  get listeners(): readonly Serving<StreamConn>[] {
    return this.#servings;
  }

  get admin(): Serving<StreamConn> | null {
    return this.#admin;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get uptime(): number {
    return (performance.now() - this.#started) / 1000;
  }

  get droppedLogLines(): number {
    return this.#log?.dropped ?? 0;
  }

  #pool(name: string, targets: readonly Target[]): Pool {
    const { dialTimeout, failAfter, retryAfter, sendProxy } = this.options;
    const pool = new Pool(name);
    const options = {
      dialer: new Dialer({ timeout: dialTimeout }),
      failAfter,
      retryAfter,
      probe: sendProxy === null ? null : ownIntroduction(sendProxy),
      signal: this.#over.signal,
      onChange: (upstream: Upstream) => {
        const why = upstream.down ? `down: ${upstream.lastError}` : 'up';
        console.error(`upstream ${upstream.name} (${name}) is ${escapeText(why)}`);
      },
    };
    for (const { endpoint, weight } of targets) pool.upstreams.push(new Upstream(endpoint, weight, options));
    return pool;
  }

  #serve(listener: Listener<StreamConn>): void {
    const name = String(listener.addr);
    this.#servings.push(startServing(listener, (client) => this.#visit(client, name)));
  }

  /** All that is done for one client. Its connection is closed when this ends. */
  async #visit(client: StreamConn, listener: string): Promise<void> {
    const { counters } = this;
    counters.accepted++;
    counters.active++;
    const visit: Visit = { client, began: new Date(), serverName: null, upstream: null, link: null };
    let ending = 'cut off';
    try {
      ending = await this.#pass(visit);
    } finally {
      counters.active--;
      this.#log?.write({
        client: String(client.remoteAddr),
        listener,
        serverName: visit.serverName,
        upstream: visit.upstream?.name ?? null,
        ending,
        bytesUp: visit.link?.bytesUp ?? 0,
        bytesDown: visit.link?.bytesDown ?? 0,
        began: visit.began,
        ms: Date.now() - visit.began.getTime(),
      });
    }
  }

  /** How it ended, in words. */
  async #pass(visit: Visit): Promise<string> {
    const { client } = visit;
    let beginning: Beginning | null;
    try {
      beginning = await this.#begin(client);
    } catch (error) {
      if (!(error instanceof IOError)) throw error;
      this.counters.badStart++;
      client.closeNow();
      return error instanceof ProxyProtocolError ? 'no PROXY header' : 'no beginning';
    }
    if (beginning?.hello.kind === 'hello') visit.serverName = beginning.hello.serverName;
    const pool = this.#poolFor(visit.serverName);
    if (pool === null) {
      this.counters.unrouted++;
      if (beginning?.hello.kind === 'hello') client.tryWrite(UNRECOGNIZED_NAME);
      else reset(client);
      return 'no route';
    }
    let conn: StreamConn;
    try {
      ({ conn, upstream: visit.upstream } = await pool.connect());
    } catch (error) {
      if (this.#over.signal.aborted) return 'cut off';
      if (!(error instanceof NoUpstreamError)) throw error;
      this.counters.unreachable++;
      reset(client);
      return 'no upstream';
    }
    try {
      return await this.#link(visit, conn, beginning);
    } finally {
      conn.closeNow();
      visit.upstream.active--;
    }
  }

  #poolFor(serverName: string | null): Pool | null {
    const routed = serverName === null ? null : this.#routes?.find(serverName);
    return routed ?? this.#default;
  }

  /** Reads what has to be known before an upstream is chosen; null: nothing. */
  async #begin(client: StreamConn): Promise<Beginning | null> {
    const { acceptProxyFrom, helloTimeout } = this.options;
    if (acceptProxyFrom !== null) await readProxyHeader(client, { trustedProxies: acceptProxyFrom });
    return this.#routes === null ? null : peekClientHello(client, helloTimeout);
  }

  async #link(visit: Visit, conn: StreamConn, beginning: Beginning | null): Promise<string> {
    const { counters } = this;
    const { client } = visit;
    const link = new Link(client, conn, counters);
    visit.link = link;
    this.#links.add(link);
    try {
      const { sendProxy } = this.options;
      if (sendProxy !== null) link.introduce(introduction(sendProxy, client, visit.serverName));
      if (beginning !== null) link.begin(beginning.bytes);
      const ending = await link.run();
      if (ending === 'reset by client') counters.resetByClient++;
      else if (ending === 'reset by upstream') counters.resetByUpstream++;
      else if (ending === 'idle') counters.idle++;
      else if (ending === 'cut off') counters.cutOff++;
      return ending;
    } finally {
      this.#links.delete(link);
    }
  }

  /** Looks for connections that nothing goes through. One timer for all of them. */
  async #watchIdle(timeout: number): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        await sleep(timeout / 8, { signal });
      } catch {
        return;
      }
      const now = performance.now();
      const suspects = [...this.#links].filter((link) => link.checkIdle(now, timeout));
      if (suspects.length === 0) continue;
      const seen = suspects.map((link) => link.lastSeen);
      await gosched();
      suspects.forEach((link, i) => {
        if (link.lastSeen === seen[i]) link.cut('idle');
      });
    }
  }

  /** What goes on, bytes of open connections included. */
  async report(): Promise<Report> {
    for (const link of this.#links) link.ask();
    await gosched();
    return reportOf(this);
  }

  /**
   * Stops accepting, waits until connections have ended or `timeout` has passed or `signal` fires, closes what is
   * left. How many that were.
   */
  async shutdown(options: { timeout: number; signal?: AbortSignal }): Promise<number> {
    this.#draining = true;
    const cut = await Promise.all(this.#servings.map((serving) => serving.shutdown(options)));
    this.#over.abort();
    // The clients' connections are closed, which a copy that waits for the upstream does not notice.
    for (const link of this.#links) link.cut('cut off');
    // Those whose connections were closed under their feet are about to end.
    await Promise.all(this.#servings.map((serving) => serving.shutdown({ timeout: LAST_WORDS })));
    await this.#admin?.shutdown({ timeout: 0 });
    await this.#log?.close();
    return cut.reduce((sum, one) => sum + one, 0);
  }
}
