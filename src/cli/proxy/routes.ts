import type { Pool } from './pool.ts';

/** Which upstreams serve which names. */
export class Routes {
  readonly #exact = new Map<string, Pool>();
  /** By what follows the '*', with the dot. */
  readonly #suffixes = new Map<string, Pool>();

  /** `pattern`: a name, or '*.' and a name; in lower case. */
  add(pattern: string, pool: Pool): void {
    if (pattern.startsWith('*.')) this.#suffixes.set(pattern.slice(1), pool);
    else this.#exact.set(pattern, pool);
  }

  /** The name itself, then the longest suffix that it ends with; null where neither is known. */
  find(name: string): Pool | null {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
      const pool = this.#suffixes.get(name.slice(dot));
      if (pool !== undefined) return pool;
    }
    return null;
  }
}
