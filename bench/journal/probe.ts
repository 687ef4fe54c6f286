import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { dial } from 'gopark/net';

/** How often the gateway is asked whether it is there, in milliseconds. */
const INTERVAL = 2;

/** A connection that sends no orders: how long it waits at most is how long the network stood still. */
export class Probe {
  /** Milliseconds. */
  longest = 0;
  #ends = false;
  readonly #run: Promise<void>;

  constructor(address: string) {
    this.#run = this.#probe(address);
    // Told by stop().
    this.#run.catch(() => {});
  }

  async #probe(address: string): Promise<void> {
    await using conn = await dial('tcp', address);
    const ping = Buffer.from('PING\n');
    const reply = new Uint8Array(64);
    while (!this.#ends) {
      const asked = performance.now();
      await conn.write(ping);
      const n = await conn.read(reply);
      if (n !== 5) throw new Error('the gateway does not answer the probe');
      this.longest = Math.max(this.longest, performance.now() - asked);
      await delay(INTERVAL);
    }
  }

  /** Begins anew, and says what was seen until now. */
  take(): number {
    const { longest } = this;
    this.longest = 0;
    return longest;
  }

  async stop(): Promise<void> {
    this.#ends = true;
    await this.#run;
  }
}
