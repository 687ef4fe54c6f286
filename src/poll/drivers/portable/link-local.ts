import { parseIP } from '../../ip-words.ts';
import { scopeOf } from '../../zones.ts';

/**
 * Whether `host` is a link-local address that says no interface of this machine. The kernel takes none such; libuv, from
 * Node 22 on, would make it one of the first interface there is, and talk to somebody whom nobody meant.
 */
export function lacksInterface(host: string): boolean {
  const percent = host.indexOf('%');
  const words = parseIP(percent < 0 ? host : host.slice(0, percent));
  if (words?.length !== 4 || words[0]! >>> 22 !== 0xfe80 >>> 6) return false;
  return scopeOf(percent < 0 ? '' : host.slice(percent + 1)) === 0;
}
