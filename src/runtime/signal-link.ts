import { abortReason } from './failures.ts';
import { checkSignal } from './signal.ts';

/** What ends when a signal fires. */
export interface Abortable {
  /** The signal has fired, and the link is gone. Must not throw. */
  aborted(reason: unknown): void;
}

/** All that waits on one signal: a list with a single listener, so that a link costs the same however many there are. */
class LinkList {
  readonly signal: AbortSignal;
  first: SignalLink | null = null;
  last: SignalLink | null = null;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  push(link: SignalLink): void {
    link.previous = this.last;
    if (this.last !== null) this.last.next = link;
    else {
      this.first = link;
      this.signal.addEventListener('abort', this);
    }
    this.last = link;
  }

  remove(link: SignalLink): void {
    const { previous, next } = link;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    link.previous = null;
    link.next = null;
    // Node keeps some signals alive for as long as they have a listener: an empty list must not be one.
    if (this.first === null) this.signal.removeEventListener('abort', this);
  }

  handleEvent(): void {
    const reason = abortReason(this.signal);
    for (let link = this.first; link !== null; link = this.first) {
      link.release();
      link.target.aborted(reason);
    }
  }
}

const lists = new WeakMap<AbortSignal, LinkList>();

/**
 * Ties a waiting call, or a derived signal, to a signal that has not fired yet. Links fire in their order; making
 * and releasing one costs the same however many others there are.
 */
export class SignalLink {
  /** @internal */
  readonly target: Abortable;
  /** @internal */
  previous: SignalLink | null = null;
  /** @internal */
  next: SignalLink | null = null;
  #list: LinkList | null;

  constructor(signal: AbortSignal, target: Abortable) {
    this.target = target;
    let list = lists.get(signal);
    if (list === undefined) {
      checkSignal(signal);
      list = new LinkList(signal);
      lists.set(signal, list);
    }
    this.#list = list;
    list.push(this);
  }

  /** Nothing happens any more when the signal fires. A second call does nothing. */
  release(): void {
    this.#list?.remove(this);
    this.#list = null;
  }
}
