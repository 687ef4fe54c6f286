import { reportCallback } from '../../eventloop/goroutine.ts';
import { type Connection, EventLoop } from '../../eventloop/index.ts';
import { listen, type TCPAddr, type TCPListener, UnsupportedError } from '../../net/index.ts';
import { ClosedError } from '../../os/index.ts';
import { go, sleep } from '../../runtime/index.ts';
import { type Counters, newCounters } from './counters.ts';
import type { Journal } from './journal/journal.ts';
import { describeRecovery, openJournal } from './journal/open.ts';
import { JournalTrouble } from './journal/trouble.ts';
import { Market } from './market.ts';
import type { GatewayOptions } from './options.ts';
import { Places } from './places.ts';
import { Session } from './session.ts';
import { Silence } from './silence.ts';

const REFUSAL = Buffer.from('ERR too many connections\n', 'latin1');

type OpenedJournal = Awaited<ReturnType<typeof openJournal>>;

/** The market-data and order gateway: see docs/gateway.md. */
export class Gateway {
  readonly options: GatewayOptions;
  readonly counters: Counters = newCounters();
  readonly market: Market;
  /** Where orders are kept; null: nowhere. */
  readonly journal: Journal | null;
  /** What was found in the journal, for the operator. */
  readonly report: string | null;
  readonly #trouble = new JournalTrouble();
  readonly #listener: TCPListener;
  readonly silence: Silence;
  readonly #sessions = new Set<Session>();
  readonly #places: Places;
  #sequence: number;

  private constructor(options: GatewayOptions, listener: TCPListener, opened: OpenedJournal | null) {
    this.options = options;
    this.journal = opened?.journal ?? null;
    this.report = opened === null ? null : describeRecovery(options.journal!.path, opened.recovered);
    this.#sequence = (opened?.recovered.nextSequence ?? 1) - 1;
    this.market = new Market(options.maxSymbols, this.counters);
    this.#listener = listener;
    this.#places = new Places(options.maxPerAddress);
    this.silence = new Silence(options.firstLineTimeout, options.idleTimeout, this.#sessions);
  }

  /** Recovers the journal, listens, and serves until `shutdown`. Rejects when one of these cannot be. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const opened = options.journal === null ? null : await openJournal(options.journal);
    let listener: TCPListener;
    try {
      listener = await listenFor(options);
    } catch (error) {
      await opened?.journal.close();
      throw error;
    }
    const gateway = new Gateway(options, listener, opened);
    const loop = new EventLoop({
      onPrepare: (conn) => gateway.#accept(conn),
      onRequest: (conn) => sessionOf(conn)?.arrived(),
      onDisconnect: (conn) => sessionOf(conn)?.departed(),
      // What a session has not answered yet is not over with its peer's last byte.
      halfOpen: true,
    });
    go(() => loop.serve(listener));
    return gateway;
  }

  get addr(): TCPAddr {
    return this.#listener.addr;
  }

  /** The number of an accepted order. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  /** What became of an order that the journal took; null: it is kept. */
  journaled(failure: unknown): void {
    if (failure === null) {
      this.counters.orders++;
      return;
    }
    this.counters.rejects++;
    this.counters.notJournaled++;
    // At a shutdown there is nobody left to be told.
    if (!(failure instanceof ClosedError)) this.#trouble.report(failure);
  }

  #accept(conn: Connection): void {
    const full = this.counters.connections >= this.options.maxConnections;
    const place = full ? null : this.#places.take(addressOf(conn));
    if (place === null) {
      this.counters.refused++;
      conn.tryWrite(REFUSAL);
      go(() => conn[Symbol.asyncDispose]());
      return;
    }
    this.counters.accepted++;
    this.counters.connections++;
    const session = new Session(this, conn, place);
    conn.context = session;
    this.#sessions.add(session);
  }

  /** A session's last word. */
  ended(session: Session): void {
    this.#sessions.delete(session);
    this.counters.connections--;
    this.#places.giveBack(session.place);
  }

  /** A bug, met while a session was served. */
  failed(error: unknown, session: Session): void {
    reportCallback(error, this.failed as never, session.conn);
  }

  /**
   * Stops accepting, sends what is queued, closes; what takes longer than the drain timeout is cut off. How many
   * connections did not get everything.
   */
  async shutdown(): Promise<number> {
    await this.#listener.close();
    const finished = Promise.allSettled([...this.#sessions].map((session) => session.finish()));
    let cutOff = 0;
    const inTime = new AbortController();
    const timeout = sleep(this.options.drainTimeout, { signal: inTime.signal }).then(
      () => {
        cutOff = this.#sessions.size;
        for (const session of this.#sessions) session.drop();
      },
      () => {},
    );
    await finished;
    inTime.abort();
    await timeout;
    this.silence.stop();
    await this.journal?.close();
    return cutOff;
  }
}

function sessionOf(conn: Connection): Session | undefined {
  return conn.context as Session | undefined;
}

function addressOf(conn: Connection): string {
  const { host } = conn.remoteAddr as TCPAddr;
  return host;
}

/** The kernel would buffer megabytes of old prices for a consumer that does not read: its buffer is bounded. */
async function listenFor({ address, drainTimeout, sendBuffer }: GatewayOptions): Promise<TCPListener> {
  const options = { closeTimeout: drainTimeout };
  try {
    return await listen('tcp', address, { ...options, writeBuffer: sendBuffer });
  } catch (error) {
    // Not every driver can: no reason to serve nobody.
    if (!(error instanceof UnsupportedError)) throw error;
    return listen('tcp', address, options);
  }
}
