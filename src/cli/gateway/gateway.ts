import { IOError } from '../../io/index.ts';
import { listen, type TCPAddr, type TCPConn, type TCPListener } from '../../net/index.ts';
import { ClosedError } from '../../os/index.ts';
import { go, sleep } from '../../runtime/index.ts';
import { type Counters, newCounters } from './counters.ts';
import type { Journal } from './journal/journal.ts';
import { describeRecovery, openJournal } from './journal/open.ts';
import { JournalTrouble } from './journal/trouble.ts';
import { Market } from './market.ts';
import type { GatewayOptions } from './options.ts';
import { Session } from './session.ts';

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
  readonly #sessions = new Set<Session>();
  readonly #perAddress = new Map<string, number>();
  #sequence: number;

  private constructor(options: GatewayOptions, listener: TCPListener, opened: OpenedJournal | null) {
    this.options = options;
    this.journal = opened?.journal ?? null;
    this.report = opened === null ? null : describeRecovery(options.journal!.path, opened.recovered);
    this.#sequence = (opened?.recovered.nextSequence ?? 1) - 1;
    this.market = new Market(options.maxSymbols, this.counters);
    this.#listener = listener;
  }

  /** Recovers the journal, listens, and serves until `shutdown`. Rejects when one of these cannot be. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const opened = options.journal === null ? null : await openJournal(options.journal);
    let listener: TCPListener;
    try {
      listener = await listen('tcp', options.address, { closeTimeout: options.drainTimeout });
    } catch (error) {
      await opened?.journal.close();
      throw error;
    }
    const gateway = new Gateway(options, listener, opened);
    go(() => listener.serve((conn) => gateway.#serve(conn)));
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

  #serve(conn: TCPConn): Promise<void> {
    const { host } = conn.remoteAddr;
    const sameAddress = this.#perAddress.get(host) ?? 0;
    if (
      this.counters.connections >= this.options.maxConnections ||
      sameAddress >= this.options.maxPerAddress
    ) {
      this.counters.refused++;
      conn.tryWrite(REFUSAL);
      return conn.close();
    }
    this.counters.accepted++;
    this.counters.connections++;
    this.#perAddress.set(host, sameAddress + 1);
    this.#boundSendBuffer(conn);
    const session = new Session(this, conn);
    this.#sessions.add(session);
    return session.run();
  }

  /** The kernel would buffer megabytes of old prices for a consumer that does not read. */
  #boundSendBuffer(conn: TCPConn): void {
    try {
      conn.setWriteBuffer(this.options.sendBuffer);
    } catch (error) {
      // Not every driver can: no reason to serve nobody.
      if (!(error instanceof IOError)) throw error;
    }
  }

  /** A session's last word. */
  ended(session: Session): void {
    this.#sessions.delete(session);
    this.counters.connections--;
    const { host } = session.conn.remoteAddr;
    const left = this.#perAddress.get(host)! - 1;
    if (left === 0) this.#perAddress.delete(host);
    else this.#perAddress.set(host, left);
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
        for (const session of this.#sessions) session.conn.closeNow();
      },
      () => {},
    );
    await finished;
    inTime.abort();
    await timeout;
    await this.journal?.close();
    return cutOff;
  }
}
