import { EventLoop } from '../../eventloop/index.ts';
import { type ListenOptions, listen, type TCPAddr, type TCPListener } from '../../net/index.ts';
import { ClosedError } from '../../os/index.ts';
import { threadPoller } from '../../poll/index.ts';
import { go, sleep } from '../../runtime/index.ts';
import { type Counters, newCounters } from './counters.ts';
import { Hall } from './hall.ts';
import { History } from './history.ts';
import { describeRecovery, openJournal } from './journal/open.ts';
import { JournalTrouble } from './journal/trouble.ts';
import { Market } from './market.ts';
import { joinMarket, leaveMarket } from './nats/join.ts';
import type { NatsMarket } from './nats/nats-market.ts';
import type { GatewayOptions } from './options.ts';
import { Places } from './places.ts';
import type { RunningGateway } from './start.ts';

type OpenedJournal = Awaited<ReturnType<typeof openJournal>>;

/** The market-data and order gateway in one thread: see docs/gateway.md. */
export class Gateway implements RunningGateway {
  readonly procs = [] as const;
  readonly report: string | null;
  readonly #hall: Hall;
  readonly #listener: TCPListener;

  readonly #nats: NatsMarket | null;

  private constructor(
    options: GatewayOptions,
    listener: TCPListener,
    opened: OpenedJournal | null,
    nats: NatsMarket | null,
  ) {
    this.#nats = nats;
    this.report = opened === null ? null : describeRecovery(options.journal!.path, opened.recovered);
    this.#listener = listener;
    const counters = newCounters();
    const trouble = new JournalTrouble();
    let sequence = (opened?.recovered.nextSequence ?? 1) - 1;
    this.#hall = new Hall({
      options,
      counters,
      stats: () => counters,
      admission: new Places(options),
      market:
        nats === null
          ? new Market(options.maxSymbols, counters)
          : new Market(
              options.maxSymbols,
              counters,
              nats.publisher,
              new History(options.nats!.history, nats.before),
            ),
      journal: opened?.journal ?? null,
      nextSequence: () => ++sequence,
      onTrouble: (failure) => {
        // At a shutdown there is nobody left to be told.
        if (!(failure instanceof ClosedError)) trouble.report(failure);
      },
    });
  }

  /** Recovers the journal, listens, and serves until `shutdown`. Rejects when one of these cannot be. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const opened = options.journal === null ? null : await openJournal(options.journal);
    let nats: NatsMarket | null = null;
    let listener: TCPListener;
    try {
      nats = await joinMarket(options);
      listener = await listen('tcp', options.address, listenOptionsFor(options));
    } catch (error) {
      await nats?.leave();
      await opened?.journal.close();
      throw error;
    }
    const gateway = new Gateway(options, listener, opened, nats);
    const { market } = gateway;
    nats?.follow((symbol, line, sequence) => market.deliver(symbol, line, sequence));
    const { onPrepare, onRequest, onDisconnect } = gateway.#hall;
    const loop = new EventLoop({ onPrepare, onRequest, onDisconnect, ...loopLimits });
    go(() => loop.serve(listener));
    return gateway;
  }

  get addr(): TCPAddr {
    return this.#listener.addr;
  }

  get market(): Market {
    return this.#hall.market;
  }

  get counters(): Counters {
    return this.#hall.counters;
  }

  /** There is nothing to be told of others. */
  takeStall(): number {
    return 0;
  }

  /**
   * Stops accepting, sends what is queued, closes; what takes longer than the drain timeout is cut off. How many
   * connections did not get everything.
   */
  async shutdown(): Promise<number> {
    await this.#listener.close();
    const finished = this.#hall.finish();
    let cutOff = 0;
    const inTime = new AbortController();
    const timeout = sleep(this.#hall.options.drainTimeout, { signal: inTime.signal }).then(
      () => {
        cutOff = this.#hall.cutOff();
      },
      () => {},
    );
    await finished;
    inTime.abort();
    await timeout;
    await this.#hall.journal?.close();
    await leaveMarket(this.#nats);
    return cutOff;
  }
}

/** What a session has not answered yet is not over with its peer's last byte. */
export const loopLimits = { halfOpen: true } as const;

/** The kernel would buffer megabytes of old prices for a consumer that does not read: its buffer is bounded. */
export function listenOptionsFor({ drainTimeout, sendBuffer }: GatewayOptions): ListenOptions {
  // Not every driver can: no reason to serve nobody.
  const bounds = threadPoller().driver.capabilities.has('bufferSizes') ? { writeBuffer: sendBuffer } : {};
  return { closeTimeout: drainTimeout, ...bounds };
}
