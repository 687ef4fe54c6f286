import type { Poller } from '../poll/index.ts';
import type { ConnSettings } from './options.ts';
import { OwnPath } from './own-path.ts';
import type { ConnFamily } from './slot-listener.ts';
import { StreamListener } from './stream-listener.ts';
import type { UnixAddr } from './unix-addr.ts';
import { UnixConn, type UnixNetwork, unixAddrOf, unixFamily } from './unix-conn.ts';

/**
 * A listener on a Unix socket. Go: `net.UnixListener`. `close` removes its path first, unless `unlinkOnClose` was
 * false, or somebody has put another file there, or the socket was inherited.
 *
 * @example
 * ```ts
 * import { copy } from 'gopark/io';
 * import { listen } from 'gopark/net';
 *
 * const listener = await listen('unix', '/run/echo.sock', { mode: 0o660 });
 * process.once('SIGTERM', () => listener.close());
 * await listener.serve(async (conn) => {
 *   await copy(conn, conn);
 * });
 * ```
 */
export class UnixListener extends StreamListener<UnixConn, UnixAddr> {
  protected readonly network: UnixNetwork;
  #path: OwnPath | null = null;
  #unlink = true;

  /** @internal */
  constructor(poller: Poller, slot: number, settings: ConnSettings, network: UnixNetwork) {
    super(poller, slot, settings);
    this.network = network;
  }

  /** @internal The path is ours: it goes with us. */
  owns(path: string): void {
    this.#path = new OwnPath(path);
  }

  /** Whether `close` removes the path, if this listener has made it. Go: `UnixListener.SetUnlinkOnClose`. */
  setUnlinkOnClose(on: boolean): void {
    this.#unlink = on;
  }

  override async close(): Promise<void> {
    const path = this.#path;
    this.#path = null;
    try {
      if (this.#unlink) path?.remove();
    } finally {
      await super.close();
    }
  }

  protected address(): UnixAddr {
    return unixAddrOf(this.fd.poller, this.fd.slot, 'local', this.network);
  }

  /** @internal */
  get family(): ConnFamily {
    return unixFamily(this.network, this.settings, this.addr);
  }

  /** @internal */
  accepted(slot: number): UnixConn {
    return new UnixConn(this.fd.poller, slot, this.settings, this.addr, this.network);
  }
}
