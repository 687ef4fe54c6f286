import { IOError } from '../../io/index.ts';
import type { Dialer, StreamConn } from '../../net/index.ts';
import { go, sleep } from '../../runtime/index.ts';
import { dialEndpoint, type Endpoint } from './address.ts';

/** Failures of this machine: no news about an upstream. */
const OURS = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);
/** The longest wait between two probes, in milliseconds. */
const LONGEST_RETRY = 60_000;

export interface UpstreamOptions {
  readonly dialer: Dialer;
  /** Failed dials in a row that mark it down. */
  readonly failAfter: number;
  /** How long it then rests before a probe, at first; doubles up to a minute. */
  readonly retryAfter: number;
  /** What a probe says: the header of a proxy that speaks for itself, where headers are sent. */
  readonly probe: Uint8Array | null;
  /** Ends dials and probes. */
  readonly signal: AbortSignal;
  readonly onChange: (upstream: Upstream) => void;
}

/** One place that connections go to, and what is known of its health. */
export class Upstream {
  readonly endpoint: Endpoint;
  readonly weight: number;
  readonly #options: UpstreamOptions;
  /** Connections, and dials under way. */
  active = 0;
  total = 0;
  failures = 0;
  lastError: string | null = null;
  #inARow = 0;
  #down = false;

  constructor(endpoint: Endpoint, weight: number, options: UpstreamOptions) {
    this.endpoint = endpoint;
    this.weight = weight;
    this.#options = options;
  }

  get name(): string {
    return this.endpoint.address;
  }

  /** Whether it is left out while others are up. */
  get down(): boolean {
    return this.#down;
  }

  /** A connection to it; the caller counts `active`. */
  async dial(): Promise<StreamConn> {
    const { dialer, signal } = this.#options;
    try {
      const conn = await dialEndpoint(this.endpoint, dialer, signal);
      this.total++;
      this.#succeeded();
      return conn;
    } catch (error) {
      if (error instanceof IOError && !signal.aborted) this.#failed(error);
      throw error;
    }
  }

  #succeeded(): void {
    this.#inARow = 0;
    if (!this.#down) return;
    this.#down = false;
    this.#options.onChange(this);
  }

  #failed(error: IOError): void {
    if (OURS.has(error.code)) return;
    this.failures++;
    this.#inARow++;
    this.lastError = error.message;
    if (this.#down || this.#inARow < this.#options.failAfter) return;
    this.#down = true;
    this.#options.onChange(this);
    go(() => this.#probe());
  }

  /** Tries until it answers: no client has to wait for that. */
  async #probe(): Promise<void> {
    const { dialer, retryAfter, probe, signal } = this.#options;
    for (let wait = retryAfter; this.#down; wait = Math.min(2 * wait, LONGEST_RETRY)) {
      try {
        // Not all proxies at the same time.
        await sleep(wait * (0.8 + 0.4 * Math.random()), { signal });
        if (!this.#down) return;
        await using conn = await dialEndpoint(this.endpoint, dialer, signal);
        if (probe !== null) await conn.write(probe);
        this.#succeeded();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof IOError)) throw error;
        this.lastError = error.message;
      }
    }
  }
}
