import type { Parked } from '../runtime/park.ts';
import type { Abortable, SignalLink } from '../runtime/signal-link.ts';
import { endWait, Wait, type WaitReason } from '../runtime/waits.ts';
import type { Chan } from './chan.ts';
import { SendOnClosedError } from './errors.ts';
import type { Selection } from './selection.ts';
import type { Queued, WaitQueue } from './wait-queue.ts';
import { wake, wakeSoon } from './wake.ts';

/** What a waiter wants from its channel. */
export const SEND = 0;
export const RECEIVE = 1;
export const RECEIVE_OK = 2;
export const NEXT = 3;
export type Wish = typeof SEND | typeof RECEIVE | typeof RECEIVE_OK | typeof NEXT;

/**
 * One that stands in a queue of a channel: a parked call, or an arm of a parked select. All of one shape, because
 * every queue meets them all. An arm is no wait of its own, its selection is.
 */
export class ChanWaiter extends Wait implements Parked<never>, Queued<ChanWaiter>, Abortable {
  resolve!: (value: never) => void;
  reject!: (reason: unknown) => void;
  readonly channel: Chan<never>;
  readonly wish: Wish;
  /** A sender's: what it sends. Afterwards, of both: what the call resolves with. */
  value: unknown;
  previous: ChanWaiter | null = null;
  next: ChanWaiter | null = null;
  link: SignalLink | null = null;
  readonly selection: Selection | null;

  constructor(channel: Chan<never>, wish: Wish, value: unknown, selection: Selection | null) {
    super();
    this.channel = channel;
    this.wish = wish;
    this.value = value;
    this.selection = selection;
  }

  get waitReason(): WaitReason {
    return this.wish === SEND ? 'chan send' : 'chan receive';
  }

  override get mayEndByItself(): boolean {
    return this.link !== null || this.channel.external;
  }

  override describeWait(): string {
    return this.channel.describe();
  }

  /** Of a receiver that has left the queue: there is a value for it, or with `ok` false the end. */
  receive(value: unknown, ok: boolean): void {
    if (this.selection !== null) {
      this.selection.choose(this, value, ok);
      return;
    }
    if (this.wish === RECEIVE) this.value = value;
    else if (this.wish === RECEIVE_OK) this.value = [value, ok];
    else this.value = { value, done: !ok };
    this.finish();
  }

  /** Of a sender that has left the queue: its value is taken. */
  sent(): void {
    if (this.selection !== null) {
      this.selection.choose(this, undefined, true);
      return;
    }
    this.value = undefined;
    this.finish();
  }

  /** Of a sender that has left the queue: the channel was closed. */
  closed(): void {
    const error = new SendOnClosedError();
    if (this.selection !== null) {
      this.selection.fail(this, error);
      return;
    }
    this.leave();
    this.reject(error);
  }

  aborted(reason: unknown): void {
    this.queue.remove(this);
    this.leave();
    this.reject(reason);
  }

  /** Of one that still stands in its queue: its value could not be brought over to or from another thread. */
  failed(error: unknown): void {
    if (this.selection === null) {
      this.aborted(error);
      return;
    }
    this.queue.remove(this);
    this.selection.fail(this, error);
  }

  /** Another arm of the selection was chosen. */
  disarm(): void {
    this.queue.remove(this);
  }

  private get queue(): WaitQueue<ChanWaiter> {
    return this.wish === SEND ? this.channel.senders : this.channel.receivers;
  }

  private finish(): void {
    this.leave();
    if (this.channel.capacity > 0) wakeSoon(this);
    else wake(this, this.value as never);
  }

  private leave(): void {
    endWait(this);
    if (this.link !== null) this.link.release();
  }
}
