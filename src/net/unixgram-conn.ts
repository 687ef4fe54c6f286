import { ArgumentTypeError } from '../io/index.ts';
import { ADDRESS_SIZE, D_FAMILY, D_SIZE, type DatagramBlock, type RawAddress } from '../poll/index.ts';
import { DatagramConn } from './datagram-conn.ts';
import { OwnPath } from './own-path.ts';
import { pathOf, UnixAddr } from './unix-addr.ts';

/**
 * A Unix socket for datagrams, which arrive in their order and are never lost: who sends to a full queue waits. Go:
 * `net.UnixConn` of the network 'unixgram'. See PacketConn for the rules. A datagram may have as many bytes as the
 * send buffer allows, about 200 KiB unless that was changed; of one beyond 512 KiB the rest is cut.
 *
 * @example
 * ```ts
 * import { listenPacket } from 'gopark/net';
 *
 * const conn = await listenPacket('unixgram', '/tmp/log.sock');
 * const p = new Uint8Array(64 * 1024);
 * const [n, from] = await conn.receive(p);
 * console.log(n, from?.path ?? 'a nameless socket');
 * await conn.close();
 * ```
 */
export class UnixgramConn extends DatagramConn<UnixAddr> {
  #path: OwnPath | null = null;
  #last: UnixAddr | null = null;

  /** @internal The path is ours: it goes with us. */
  owns(path: string): void {
    this.#path = new OwnPath(path);
  }

  override async close(): Promise<void> {
    try {
      this.#removePath();
    } finally {
      await super.close();
    }
  }

  override closeNow(): void {
    try {
      this.#removePath();
    } finally {
      super.closeNow();
    }
  }

  #removePath(): void {
    const path = this.#path;
    this.#path = null;
    path?.remove();
  }

  protected addrOf(raw: RawAddress): UnixAddr {
    return new UnixAddr(pathOf(raw), 'unixgram');
  }

  protected parse(address: string): UnixAddr {
    return new UnixAddr(address, 'unixgram');
  }

  protected rawOf(addr: UnixAddr): RawAddress {
    if (!(addr instanceof UnixAddr)) throw new ArgumentTypeError('the address', 'a UnixAddr or a path', addr);
    return addr.raw;
  }

  protected nobody(): UnixAddr {
    return new UnixAddr('', 'unixgram');
  }

  /** @internal */
  sender(block: DatagramBlock, i: number): UnixAddr | null {
    const at = i * D_SIZE + D_FAMILY;
    const path = pathOf(block.words.subarray(at, at + ADDRESS_SIZE));
    if (path === '') return null;
    if (this.#last?.path !== path) this.#last = new UnixAddr(path, 'unixgram');
    return this.#last;
  }
}
