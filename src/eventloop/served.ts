import type { SlotListener } from '../net/slot-listener.ts';
import type { SlotTaker } from '../poll/index.ts';
import { spend } from '../runtime/budget.ts';
import { LoopHost, type LoopPart } from './loop-host.ts';

/** One listener of an event loop. */
export class Served implements SlotTaker {
  readonly listener: SlotListener;
  readonly #host: LoopHost;

  constructor(loop: LoopPart, listener: SlotListener) {
    this.listener = listener;
    this.#host = new LoopHost(loop, listener.fd.poller, listener.family);
  }

  /** Until the listener is closed. */
  async accept(): Promise<void> {
    const { fd } = this.listener;
    const next = () => fd.accept(undefined, this);
    this.#host.accepting = true;
    try {
      for (;;) {
        // As many as there are, but others have their turn, too.
        while (!fd.closed && fd.reading.head === null && !spend()) {
          const slot = fd.acceptNow();
          if (slot < 0) break;
          this.accepted(slot);
        }
        if ((await this.listener.acceptNext(next)) === null) return;
      }
    } finally {
      this.#host.accepting = false;
    }
  }

  accepted(slot: number): true {
    this.#host.open(slot, true);
    return true;
  }
}
