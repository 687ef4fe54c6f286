import { readFileSync } from 'node:fs';

let systemBacklog: number | null = null;

/** As many as the system allows. */
export function defaultBacklog(): number {
  if (systemBacklog === null) {
    try {
      systemBacklog = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8')) || 511;
    } catch {
      // Not Linux: what Node itself uses.
      systemBacklog = 511;
    }
  }
  return systemBacklog;
}
