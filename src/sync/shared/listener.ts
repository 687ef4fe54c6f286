import { LoopHolder } from '../../runtime/loop-holder.ts';
import type { Lanes, Side } from './lanes.ts';

let holder: LoopHolder | null = null;

/**
 * Waits at one side of a shared channel, for all that are parked here: a thread waits once, however many they are. While
 * somebody is parked the thread's event loop stays alive, for another thread may wake it.
 */
export class Listener {
  readonly #lanes: Lanes;
  readonly #side: Side;
  readonly #serve: () => boolean;
  #waits = false;
  #holds = false;

  /** `serve` is called when something may have come: whether somebody is still parked. */
  constructor(lanes: Lanes, side: Side, serve: () => boolean) {
    this.#lanes = lanes;
    this.#side = side;
    this.#serve = serve;
  }

  /** Somebody is parked. */
  listen(): void {
    if (!this.#holds) {
      this.#holds = true;
      holder ??= new LoopHolder();
      holder.hold();
    }
    if (this.#waits) return;
    this.#waits = true;
    this.#wait();
  }

  /** Nobody is parked any more. A wait that is under way goes on, for nobody. */
  rest(): void {
    if (!this.#holds) return;
    this.#holds = false;
    holder!.release();
  }

  #wait(): void {
    const event = this.#lanes.enter(this.#side);
    if (event === null) {
      // Not here and now: nobody is served inside the call that parks him.
      queueMicrotask(() => this.#woken());
      return;
    }
    const waiting = this.#lanes.wait(this.#side, event) ?? Promise.resolve();
    waiting.then(() => {
      this.#lanes.leave(this.#side);
      this.#woken();
    });
  }

  #woken(): void {
    if (this.#serve()) {
      this.#wait();
      return;
    }
    this.#waits = false;
  }
}
