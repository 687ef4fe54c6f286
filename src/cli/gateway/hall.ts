import { reportCallback } from '../../eventloop/goroutine.ts';
import type { Connection } from '../../eventloop/index.ts';
import type { TCPAddr } from '../../net/index.ts';
import { go } from '../../runtime/index.ts';
import type { Admission } from './admission.ts';
import type { Counters } from './counters.ts';
import type { Journal } from './journal/journal.ts';
import type { Market } from './market.ts';
import type { GatewayOptions } from './options.ts';
import { Session } from './session.ts';
import { Silence } from './silence.ts';

const REFUSAL = Buffer.from('ERR too many connections\n', 'latin1');

/** What the sessions of one thread share. */
export interface Furnishing {
  readonly options: GatewayOptions;
  readonly counters: Counters;
  /** Those of the whole gateway. */
  readonly stats: () => Counters;
  readonly admission: Admission;
  readonly market: Market;
  /** Where orders are kept; null: nowhere. */
  readonly journal: Journal | null;
  /** The number of an accepted order. */
  readonly nextSequence: () => number;
  /** Told why an order is not in the journal. */
  readonly onTrouble: (failure: unknown) => void;
}

/** The part of the gateway that one thread runs: its connections, and what an event loop tells of them. */
export class Hall {
  readonly options: GatewayOptions;
  readonly counters: Counters;
  readonly stats: () => Counters;
  readonly market: Market;
  readonly journal: Journal | null;
  readonly nextSequence: () => number;
  readonly silence: Silence;
  readonly #admission: Admission;
  readonly #onTrouble: (failure: unknown) => void;
  readonly #sessions = new Set<Session>();
  #finishing = false;

  constructor(furnishing: Furnishing) {
    this.options = furnishing.options;
    this.counters = furnishing.counters;
    this.stats = furnishing.stats;
    this.market = furnishing.market;
    this.journal = furnishing.journal;
    this.nextSequence = furnishing.nextSequence;
    this.#admission = furnishing.admission;
    this.#onTrouble = furnishing.onTrouble;
    const { firstLineTimeout, idleTimeout } = this.options;
    this.silence = new Silence(firstLineTimeout, idleTimeout, this.#sessions);
  }

  readonly onPrepare = (conn: Connection): void => {
    const place = this.#admission.take((conn.remoteAddr as TCPAddr).host);
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
    // It has come at the last moment.
    if (this.#finishing) go(() => session.finish());
  };

  readonly onRequest = (conn: Connection): void => sessionOf(conn)?.arrived();
  readonly onDisconnect = (conn: Connection): void => sessionOf(conn)?.departed();

  /** What became of an order that the journal took; null: it is kept. */
  journaled(failure: unknown): void {
    if (failure === null) {
      this.counters.orders++;
      return;
    }
    this.counters.rejects++;
    this.counters.notJournaled++;
    this.#onTrouble(failure);
  }

  /** A session's last word. */
  ended(session: Session): void {
    this.#sessions.delete(session);
    this.counters.connections--;
    this.#admission.giveBack(session.place);
  }

  /** A bug, met while a session was served. */
  failed(error: unknown, session: Session): void {
    reportCallback(error, this.failed as never, session.conn);
  }

  /** Everybody gets what is queued, and the end. */
  async finish(): Promise<void> {
    this.#finishing = true;
    await Promise.allSettled([...this.#sessions].map((session) => session.finish()));
    this.silence.stop();
  }

  /** How many had not ended. */
  cutOff(): number {
    const { size } = this.#sessions;
    for (const session of this.#sessions) session.drop();
    return size;
  }
}

function sessionOf(conn: Connection): Session | undefined {
  return conn.context as Session | undefined;
}
