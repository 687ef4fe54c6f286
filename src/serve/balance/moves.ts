/**
 * Connections that went from one P to another.
 *
 * @example
 * ```ts
 * import { type MoveCount, serve } from 'gopark/serve';
 *
 * const server = await serve({ listen: 'tcp://127.0.0.1:9000', handler: new URL('./handler.js', import.meta.url) });
 * const line = ({ from, to, what, why, count }: MoveCount) => `${count} ${what} from P ${from} to P ${to}: ${why}`;
 * for (const move of server.stats().moves) console.log(line(move));
 * ```
 */
export interface MoveCount {
  readonly from: number;
  readonly to: number;
  /** 'connection': one that was being served, between two requests. 'accepted': one that nobody had begun to serve. */
  readonly what: 'connection' | 'accepted';
  /**
   * 'busy': the other one had much less to do. 'crowded': both had enough to do, but far fewer connections waited
   * there. 'hung': it did not take over what it was handed. 'refused': it had no room. 'ended': it has died, or was
   * stopped.
   */
  readonly why: 'busy' | 'crowded' | 'hung' | 'refused' | 'ended';
  readonly count: number;
}

/** Counts every move. */
export class Moves {
  readonly #counts = new Map<string, MoveCount>();

  add(from: number, to: number, what: MoveCount['what'], why: MoveCount['why']): void {
    const key = `${from} ${to} ${what} ${why}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { from, to, what, why, count });
  }

  get list(): MoveCount[] {
    return [...this.#counts.values()];
  }
}
