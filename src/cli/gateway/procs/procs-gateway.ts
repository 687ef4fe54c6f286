import { ClosedError } from '../../../os/index.ts';
import { escapeText } from '../../../runtime/escape.ts';
import { type Crash, type ProcStatus, type Server, serve } from '../../../serve/index.ts';
import type { Counters } from '../counters.ts';
import { listenOptionsFor } from '../gateway.ts';
import { History } from '../history.ts';
import type { Journal } from '../journal/journal.ts';
import { describeRecovery, openJournal } from '../journal/open.ts';
import { JournalTrouble } from '../journal/trouble.ts';
import { joinMarket, leaveMarket } from '../nats/join.ts';
import type { NatsMarket } from '../nats/nats-market.ts';
import type { GatewayOptions } from '../options.ts';
import type { RunningGateway } from '../start.ts';
import { JournalDesk } from './journal-desk.ts';
import { clearAdmission } from './shared-admission.ts';
import { clearOfNow, sumOfCounters } from './shared-counters.ts';
import { TickDesk } from './tick-desk.ts';
import { type Ends, type Wiring, wire } from './wiring.ts';

/** How a gateway is run, beside its options. */
interface Running {
  /** What the Ps serve with, if not as always. */
  readonly module?: URL;
  /** `takeStall` is wanted. */
  readonly watched?: boolean;
}

const handler = new URL('./handler.js', import.meta.url);

/**
 * The gateway in several threads: the Ps serve connections; this one writes the journal for all of them, and gives the
 * ticks of all one order.
 */
export class ProcsGateway implements RunningGateway {
  readonly report: string | null;
  readonly #options: GatewayOptions;
  readonly #journal: Journal | null;
  readonly #desk: JournalDesk | null = null;
  readonly #nats: NatsMarket | null;
  readonly #ticks: TickDesk;
  readonly #wiring: Wiring;
  readonly #ends: Ends;
  #server!: Server;

  private constructor(
    options: GatewayOptions,
    opened: Awaited<ReturnType<typeof openJournal>> | null,
    nats: NatsMarket | null,
    watched: boolean,
  ) {
    this.#nats = nats;
    this.#options = options;
    this.report = opened === null ? null : describeRecovery(options.journal!.path, opened.recovered);
    this.#journal = opened?.journal ?? null;
    ({ wiring: this.#wiring, ends: this.#ends } = wire(options, watched));
    const { orders, answers, prices, ticks, past } = this.#ends;
    const history = nats === null ? null : new History(options.nats!.history, nats.before);
    this.#ticks = new TickDesk(ticks, past, nats, history);
    this.#ticks.serve(prices);
    if (opened === null || orders === null) return;
    const trouble = new JournalTrouble();
    const { journal, recovered } = opened;
    this.#desk = new JournalDesk(journal, recovered.nextSequence - 1, answers, (failure) => {
      // At a shutdown there is nobody left to be told.
      if (!(failure instanceof ClosedError)) trouble.report(failure);
    });
    this.#desk.serve(orders);
  }

  /** As `Gateway.start`. */
  static async start(options: GatewayOptions, running: Running = {}): Promise<ProcsGateway> {
    const { module = handler, watched = false } = running;
    const opened = options.journal === null ? null : await openJournal(options.journal);
    let gateway: ProcsGateway | null = null;
    let nats: NatsMarket | null = null;
    try {
      nats = await joinMarket(options);
      gateway = new ProcsGateway(options, opened, nats, watched);
      const started = gateway;
      gateway.#server = await serve({
        listen: `tcp://${options.address}`,
        handler: module,
        procs: options.procs,
        listenOptions: listenOptionsFor(options),
        data: gateway.#wiring,
        onCrash: (crash) => started.#crashed(crash),
      });
    } catch (error) {
      if (gateway !== null) gateway.#close();
      await nats?.leave();
      await opened?.journal.close();
      throw error;
    }
    return gateway;
  }

  get addr(): string {
    return this.#server.addr;
  }

  get counters(): Counters {
    return sumOfCounters(this.#wiring.counters);
  }

  get procs(): ProcStatus[] {
    return this.#server.procs;
  }

  takeStall(): number {
    if (this.#wiring.stalls === null) return 0;
    const cells = new Float64Array(this.#wiring.stalls);
    const stall = Math.max(...cells);
    cells.fill(0);
    return stall;
  }

  /** What a P had is given back. Its clients come again; the others notice nothing. */
  #crashed({ index, threadId, error, restartsIn }: Crash): void {
    const { orders, prices, ticks } = this.#ends;
    ticks.reclaim(threadId);
    prices.reclaim(threadId);
    orders?.reclaim(threadId);
    this.#desk?.forget(index);
    this.#ticks.forget(index);
    clearAdmission(this.#wiring.admission, index);
    clearOfNow(this.#wiring.counters, index);
    const why = escapeText(error.stack ?? String(error));
    console.error(`gopark gateway: P ${index} has died, the next one starts in ${restartsIn} ms: ${why}`);
  }

  #close(): void {
    const { orders, prices, ticks } = this.#ends;
    for (const channel of [orders, prices, ticks]) channel?.close();
  }

  async shutdown(): Promise<number> {
    const cutOff = await this.#server.shutdown({ timeout: this.#options.drainTimeout });
    // Nobody has orders or prices any more.
    this.#close();
    await this.#journal?.close();
    await leaveMarket(this.#nats);
    return cutOff;
  }
}
