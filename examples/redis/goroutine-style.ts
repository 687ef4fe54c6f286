import type { TCPConn, TCPListener } from 'gopark/net';
import type { Server } from './server.ts';
import type { Transport } from './transport.ts';

const shared = new Uint8Array(64 * 1024);

/** A goroutine for each connection. */
class ConnTransport implements Transport {
  readonly #conn: TCPConn;
  queued = 0;
  readonly localAddress: string;
  readonly remoteAddress: string;

  constructor(conn: TCPConn) {
    this.#conn = conn;
    this.localAddress = String(conn.localAddr);
    this.remoteAddress = String(conn.remoteAddr);
  }

  send(bytes: Uint8Array): Promise<void> | undefined {
    if (this.queued === 0 && this.#conn.tryWrite(bytes)) return undefined;
    this.queued += bytes.length;
    const { length } = bytes;
    const done = () => {
      this.queued -= length;
    };
    return this.#conn.write(bytes.slice()).then(done, done);
  }

  close(how: 'gracefully' | 'now'): void {
    if (how === 'now') this.#conn.closeNow();
    else this.#conn.close().catch(() => {});
  }
}

export function serveConns(server: Server, listener: TCPListener): Promise<void> {
  return listener.serve(async (conn) => {
    const client = server.accept(new ConnTransport(conn));
    if (client === null) return;
    try {
      while (!client.gone && !client.closing) {
        const n = conn.tryRead(shared);
        if (n === null) return;
        if (n === undefined) {
          await conn.waitReadable();
          continue;
        }
        const wait = client.receive(shared.subarray(0, n));
        if (wait !== undefined) await wait;
      }
    } finally {
      client.ended();
    }
  });
}
