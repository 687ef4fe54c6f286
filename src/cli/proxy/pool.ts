import { IOError } from '../../io/index.ts';
import type { StreamConn } from '../../net/index.ts';
import type { Upstream } from './upstream.ts';

/** A client for whom nobody answered: `cause` is what the last upstream said. */
export class NoUpstreamError extends IOError {
  constructor(cause: IOError) {
    super('ERR_NO_UPSTREAM', `no upstream answered: ${cause.message}`, { cause });
  }
}

/** Upstreams of which any will do. */
export class Pool {
  readonly name: string;
  readonly upstreams: Upstream[] = [];
  /** Where the next search begins: among equals, everybody has a turn. */
  #next = 0;

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Connects to the upstream with the fewest connections for its weight; to the next one where that does not answer.
   * Those that are down are tried when all others have failed. The connection counts until `release`.
   *
   * @throws NoUpstreamError, or the reason of the signal, as rejections
   */
  async connect(): Promise<{ upstream: Upstream; conn: StreamConn }> {
    const tried = new Set<Upstream>();
    for (;;) {
      const upstream = this.#choose(tried, false) ?? this.#choose(tried, true)!;
      upstream.active++;
      try {
        return { upstream, conn: await upstream.dial() };
      } catch (error) {
        upstream.active--;
        if (!(error instanceof IOError)) throw error;
        tried.add(upstream);
        if (tried.size === this.upstreams.length) throw new NoUpstreamError(error);
      }
    }
  }

  #choose(tried: ReadonlySet<Upstream>, down: boolean): Upstream | null {
    const { upstreams } = this;
    let best: Upstream | null = null;
    let bestLoad = Number.POSITIVE_INFINITY;
    let bestAt = 0;
    for (let i = 0; i < upstreams.length; i++) {
      const at = (this.#next + i) % upstreams.length;
      const upstream = upstreams[at]!;
      if (upstream.down !== down || tried.has(upstream)) continue;
      const load = (upstream.active + 1) / upstream.weight;
      if (load >= bestLoad) continue;
      best = upstream;
      bestLoad = load;
      bestAt = at;
    }
    if (best !== null) this.#next = (bestAt + 1) % upstreams.length;
    return best;
  }
}
