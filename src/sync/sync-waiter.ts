import type { CallSite } from '../runtime/call-site.ts';
import { type Parked, park } from '../runtime/park.ts';
import { type Abortable, SignalLink } from '../runtime/signal-link.ts';
import { beginWait, endWait, Wait, type WaitReason } from '../runtime/waits.ts';
import type { WaitOptions } from './wait-options.ts';
import type { Queued } from './wait-queue.ts';
import { wake } from './wake.ts';

const settled: Promise<void> = Promise.resolve();

/** What is waited on: a lock, a semaphore, a group. */
export interface Place {
  describe(waiter: SyncWaiter): string;
  /** The waiter gives up and leaves its queue. */
  abandon(waiter: SyncWaiter): void;
  /** Lets those go on who waited only because of who gave up. Called a little later: one signal may end many. */
  relieve?(): void;
}

/** A parked call on anything but a channel. Who parks it puts it in a queue. */
export class SyncWaiter extends Wait implements Parked<never>, Queued<SyncWaiter>, Abortable {
  readonly waitReason: WaitReason;
  resolve!: (value: never) => void;
  reject!: (reason: unknown) => void;
  previous: SyncWaiter | null = null;
  next: SyncWaiter | null = null;
  /** Where it was called, once it has what it waits for. */
  readonly site: CallSite | null;
  /** How much it wants. */
  readonly units: number;
  readonly #place: Place;
  #link: SignalLink | null = null;

  constructor(waitReason: WaitReason, place: Place, site: CallSite | null = null, units = 1) {
    super();
    this.waitReason = waitReason;
    this.#place = place;
    this.site = site;
    this.units = units;
  }

  begin<R>(options: WaitOptions | undefined): Promise<R> {
    const promise = park(this) as Promise<R>;
    beginWait(this);
    const signal = options?.signal;
    if (signal !== undefined && signal !== null) this.#link = new SignalLink(signal, this);
    return promise;
  }

  /** Of a waiter that has left its queue: it has what it waited for. */
  grant(value?: unknown): void {
    this.#leave();
    wake(this, value as never);
  }

  aborted(reason: unknown): void {
    this.#leave();
    this.#place.abandon(this);
    this.reject(reason);
    if (this.#place.relieve !== undefined) settled.then(() => this.#place.relieve!());
  }

  override describeWait(): string {
    return this.#place.describe(this);
  }

  override get mayEndByItself(): boolean {
    return this.#link !== null;
  }

  #leave(): void {
    endWait(this);
    this.#link?.release();
  }
}
