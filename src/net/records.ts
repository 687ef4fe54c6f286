/**
 * A mail exchanger of a domain. Go: `net.MX`.
 *
 * @example
 * ```ts
 * import { lookupMX, type MX } from 'gopark/net';
 *
 * const [first]: MX[] = await lookupMX('example.com');
 * console.log(first?.host, first?.preference);
 * ```
 */
export interface MX {
  readonly host: string;
  /** The lower, the better. */
  readonly preference: number;
}

/**
 * A server of a service. Go: `net.SRV`.
 *
 * @example
 * ```ts
 * import { dial, joinHostPort, lookupSRV, type SRV } from 'gopark/net';
 *
 * const servers: SRV[] = await lookupSRV('xmpp-client', 'tcp', 'example.com');
 * for (const { target, port } of servers) console.log(joinHostPort(target, port));
 * ```
 */
export interface SRV {
  readonly target: string;
  readonly port: number;
  /** The lower, the better. */
  readonly priority: number;
  /** How often it is to be taken among those of its priority. */
  readonly weight: number;
}

/**
 * The order in which servers are to be tried, RFC 2782: by priority, and within one at random by weight, so that
 * one of twice the weight comes first twice as often.
 *
 * @param random a number from 0 up to 1, not included
 */
export function orderServers(records: readonly SRV[], random: () => number = Math.random): SRV[] {
  const ordered: SRV[] = [];
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  for (const priority of priorities) {
    // Those of weight 0 first: then they have their small chance, as the RFC wants it.
    const left = records
      .filter((record) => record.priority === priority)
      .sort((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
    while (left.length > 0) {
      const total = left.reduce((sum, { weight }) => sum + weight, 0);
      const drawn = Math.floor(random() * (total + 1));
      let sum = 0;
      const index = left.findIndex(({ weight }) => {
        sum += weight;
        return sum >= drawn;
      });
      ordered.push(...left.splice(index, 1));
    }
  }
  return ordered;
}
