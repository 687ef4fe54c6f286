import type { SlotListener } from '../net/slot-listener.ts';
import type { SlotTaker } from '../poll/index.ts';
import { LoopHost, type LoopPart } from './loop-host.ts';

/** One listener of an event loop. */
export class Served implements SlotTaker {
  readonly listener: SlotListener;
  readonly #host: LoopHost;
  #count = 0;

  constructor(loop: LoopPart, listener: SlotListener) {
    this.listener = listener;
    this.#host = new LoopHost(loop, listener.fd.poller, listener.family);
  }

  /** Until the listener is closed. */
  async accept(): Promise<void> {
    const { fd } = this.listener;
    const next = () => fd.acceptEach(this);
    const count = () => this.#count;
    this.#host.accepting = true;
    try {
      while ((await this.listener.acceptNext(next, count)) !== null);
    } finally {
      this.#host.accepting = false;
    }
  }

  accepted(slot: number): true {
    this.#count++;
    this.#host.open(slot, true);
    return true;
  }
}
