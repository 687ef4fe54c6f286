import { isIPv4 } from 'node:net';
import { joinHostPort } from './host-port.ts';

/**
 * The address of one end of a connection, or of a listener. `toString` gives what `dial` takes.
 *
 * @example
 * ```ts
 * import { type Addr, dial, listen } from 'gopark/net';
 *
 * const listener = await listen('tcp', '127.0.0.1:0');
 * const addr: Addr = listener.addr;
 * await using conn = await dial('tcp', String(addr));
 * console.log(addr.network, String(conn.remoteAddr));
 * ```
 */
export interface Addr {
  /** 'tcp' and so on. */
  readonly network: string;
  toString(): string;
}

const MAPPED = '::ffff:';

/**
 * A TCP address. An IPv4 peer on a dual-stack socket shows as IPv4, as in Go.
 *
 * @example
 * ```ts
 * import { listen } from 'gopark/net';
 *
 * const listener = await listen('tcp', '127.0.0.1:0');
 * console.log(listener.addr.port, String(listener.addr));
 * await listener.close();
 * ```
 */
export class TCPAddr implements Addr {
  readonly network = 'tcp';
  /** Numeric, without the zone. */
  readonly host: string;
  readonly port: number;
  /** The zone of a link-local IPv6 address, or ''. */
  readonly zone: string;
  /** Kept: a listener's is in the message of every error of its connections. */
  #text: string | null = null;

  constructor(host: string, port: number) {
    const percent = host.indexOf('%');
    const plain = percent < 0 ? host : host.slice(0, percent);
    const mapped = plain.startsWith(MAPPED) ? plain.slice(MAPPED.length) : '';
    this.host = mapped !== '' && isIPv4(mapped) ? mapped : plain;
    this.port = port;
    this.zone = percent < 0 ? '' : host.slice(percent + 1);
  }

  /** Whether it names all addresses of this machine. */
  get isWildcard(): boolean {
    return this.host === '0.0.0.0' || this.host === '::';
  }

  toString(): string {
    this.#text ??= joinHostPort(this.zone === '' ? this.host : `${this.host}%${this.zone}`, this.port);
    return this.#text;
  }
}
