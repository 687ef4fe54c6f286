import { LoopHolder } from '../../runtime/loop-holder.ts';
import type { Events, Side } from './events.ts';

let holder: LoopHolder | null = null;

/**
 * Waits for what others do to shared memory, for all that are parked here: a thread waits once, however many they are. While
 * somebody is parked the thread's event loop stays alive, for another thread may wake it.
 */
export class Listener {
  readonly #events: Events;
  readonly #side: Side;
  readonly #ready: () => boolean;
  readonly #serve: () => boolean;
  #waits = false;
  #holds = false;

  /**
   * `ready`: whether it is no use to wait. `serve` is called when something may have come: whether somebody is still
   * parked.
   */
  constructor(events: Events, side: Side, ready: () => boolean, serve: () => boolean) {
    this.#events = events;
    this.#side = side;
    this.#ready = ready;
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
    const event = this.#events.enter(this.#side, this.#ready);
    if (event === null) {
      // Not here and now: nobody is served inside the call that parks him.
      queueMicrotask(() => this.#woken());
      return;
    }
    const waiting = this.#events.wait(this.#side, event) ?? Promise.resolve();
    waiting.then(() => {
      this.#events.leave(this.#side);
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
