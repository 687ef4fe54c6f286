import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isNoisy, NoiseMeter } from '../lib/noise.ts';

/** How long a look at the machine takes, in milliseconds. */
const LOOK = 200;
/** A server that had to wait for its core for more than this share of a run shared it with somebody. */
const MOST_DELAY = 0.02;

/** Nanoseconds that the threads of a process were ready to run, and did not. */
function delayOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[1]);
  }
  return nanoseconds;
}

/** Runs what needs a machine of its own, again where it had none, as long as `patience` lasts. */
export class Quiet {
  #patience: number;
  /** Runs that were not alone, and had to do. */
  noisy = 0;

  /** @param patience seconds that all waiting and repeating may take */
  constructor(patience: number) {
    this.#patience = patience * 1000;
  }

  async run<T>(server: number, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const calm = await this.#calm(server);
      const [started, delay] = [performance.now(), delayOf(server)];
      const found = await work();
      const elapsed = performance.now() - started;
      if (calm && delayOf(server) - delay < MOST_DELAY * elapsed * 1e6) return found;
      this.#patience -= elapsed;
      if (this.#patience <= 0) {
        this.noisy++;
        return found;
      }
    }
  }

  async #calm(server: number): Promise<boolean> {
    for (;;) {
      const meter = new NoiseMeter([server]);
      await sleep(LOOK);
      if (!isNoisy(meter.stop())) return true;
      if (this.#patience <= 0) return false;
      this.#patience -= LOOK;
    }
  }
}
