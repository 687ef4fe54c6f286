import type { CallSite } from '../runtime/call-site.ts';
import { duration } from '../runtime/dump.ts';
import type { Goroutine } from '../runtime/goroutine.ts';
import { runningGoroutine } from '../runtime/registry.ts';
import { turnNow } from '../runtime/turns.ts';

/** Who has a lock, as far as that costs nothing to know: for the dump of those who wait for it. */
export class Holder {
  #site: CallSite | null = null;
  #goroutine: Goroutine | null = null;
  #since = 0;

  /** The goroutine that runs has it now, or the one that waited for it. */
  set(site: CallSite | null, goroutine: Goroutine | null = runningGoroutine()): void {
    this.#site = site;
    this.#goroutine = goroutine;
    this.#since = turnNow();
  }

  clear(): void {
    this.#site = null;
    this.#goroutine = null;
  }

  /** As in 'locked 3m12s ago by goroutine 7 in refresh (cache.ts:20:24)'. */
  describe(verb: string): string {
    const who = this.#goroutine === null ? '' : ` by goroutine ${this.#goroutine.id}`;
    const where = this.#site === null ? '' : ` in ${this.#site}`;
    return `${verb} ${duration(turnNow() - this.#since)} ago${who}${where}`;
  }
}
