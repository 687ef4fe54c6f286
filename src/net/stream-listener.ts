import { type Counts, type Failure, FD, type FDOwner, type Poller } from '../poll/index.ts';
import { AcceptLoop } from './accept-loop.ts';
import type { Addr } from './addr.ts';
import type { CallOptions } from './conn.ts';
import { instantOf } from './deadlines.ts';
import { type OpError, operationError } from './errors.ts';
import type { ConnSettings } from './options.ts';
import type { ConnFamily } from './slot-listener.ts';
import type { StreamConn } from './stream-conn.ts';

/** What every listener of the system's has, TCP or Unix. */
export abstract class StreamListener<C extends StreamConn, A extends Addr>
  extends AcceptLoop<C>
  implements FDOwner
{
  readonly #fd: FD;
  protected readonly settings: ConnSettings;
  #addr: A | null = null;

  /** @internal */
  constructor(poller: Poller, slot: number, settings: ConnSettings) {
    super();
    this.#fd = new FD(poller, slot, this);
    this.settings = settings;
  }

  /** @internal */
  get fd(): FD {
    return this.#fd;
  }

  /** @internal */
  abstract get family(): ConnFamily;
  /** As it stands in errors: 'tcp', 'unix'... */
  protected abstract readonly network: string;
  /** Where the socket is bound, as the driver tells it. */
  protected abstract address(): A;

  get addr(): A {
    this.#addr ??= this.address();
    return this.#addr;
  }

  accept(options?: CallOptions): Promise<C> {
    return this.#fd.accept(options?.signal) as Promise<C>;
  }

  protected override async acceptEach(take: (conn: C) => void): Promise<void> {
    // Whoever has put another `accept` in front is heard for each connection.
    if (this.accept !== StreamListener.prototype.accept) return super.acceptEach(take);
    let taken = 0;
    const taker = {
      accepted: (slot: number) => {
        taken++;
        take(this.accepted(slot));
      },
    };
    const next = () => this.#fd.acceptEach(taker);
    const count = () => taken;
    while ((await this.acceptNext(next, count)) !== null);
  }

  setDeadline(at: Date | null): void {
    if (this.#fd.closed) throw this.error('set', -1);
    this.#fd.reading.setDeadline(instantOf(at));
  }

  async close(): Promise<void> {
    // The address stays known.
    if (!this.#fd.closed) this.#addr = this.addr;
    const closed = this.#fd.close(0);
    this.stopAccepting();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#fd.closed) await this.close();
  }

  // What the FD asks of us

  /** @internal */
  error(op: string, failure: Failure, counts?: Counts): OpError {
    return operationError(failure, { op, net: this.network, addr: this.addr }, counts);
  }

  /** @internal */
  aborted(reason: unknown): unknown {
    return reason;
  }

  /** @internal */
  abstract accepted(slot: number): C;
}
