import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { now } from '../runtime/clock.ts';

const PATH =
  process.platform === 'win32'
    ? `${process.env.SystemRoot ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts';

/** How long what was read is good, in milliseconds. */
const GOOD_FOR = 5000;

/** Names and addresses of a hosts file, both ways. */
export interface Hosts {
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly names: ReadonlyMap<string, readonly string[]>;
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else if (!values.includes(value)) values.push(value);
}

/** Reads the text of a hosts file. What makes no sense is passed over. */
export function parseHosts(text: string): Hosts {
  const addresses = new Map<string, string[]>();
  const names = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...all] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    for (const name of all) {
      add(addresses, name.toLowerCase(), address);
      add(names, address.toLowerCase(), name);
    }
  }
  return { addresses, names };
}

let hosts: Hosts = parseHosts('');
let readAt = Number.NEGATIVE_INFINITY;

/** The hosts file of this machine, for a resolver that would not look at it by itself. */
export function hostsFile(): Hosts {
  if (now() - readAt < GOOD_FOR) return hosts;
  readAt = now();
  try {
    hosts = parseHosts(readFileSync(PATH, 'utf8'));
  } catch {
    // None, or not for us to read: as good as an empty one.
    hosts = parseHosts('');
  }
  return hosts;
}
