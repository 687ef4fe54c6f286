import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const LINUX = '/sys/class/net';

/** Index of an interface, 0 when there is none of that name. */
function indexOfName(name: string): number {
  if (name.includes('/')) return 0;
  try {
    return Number(readFileSync(`${LINUX}/${name}/ifindex`, 'utf8')) || 0;
  } catch {
    // Not Linux, or no such interface there: a link-local address carries its interface's index.
    return networkInterfaces()[name]?.find(({ scopeid }) => scopeid)?.scopeid ?? 0;
  }
}

function names(): readonly string[] {
  try {
    return readdirSync(LINUX);
  } catch {
    return Object.keys(networkInterfaces());
  }
}

/** Zones do not change while a program runs, as good as never: datagrams would ask for them again and again. */
const known = new Map<number, string>();

/** The zone of a scope: the name of an interface, else its number. 0: ''. */
export function zoneOf(scope: number): string {
  if (scope === 0) return '';
  let zone = known.get(scope);
  if (zone === undefined) {
    zone = names().find((name) => indexOfName(name) === scope) ?? String(scope);
    // Peers must not be able to fill this: numbers that no interface has are not kept.
    if (zone !== String(scope)) known.set(scope, zone);
  }
  return zone;
}

/** The index of the interface that a zone names, by its name or its number; 0: there is none. */
export function scopeOf(zone: string): number {
  if (zone === '') return 0;
  return /^\d{1,9}$/.test(zone) ? Number(zone) : indexOfName(zone);
}
