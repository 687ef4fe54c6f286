import { type Connection, EventLoop } from 'gopark/eventloop';
import type { Client } from './client.ts';
import type { Server } from './server.ts';
import type { Transport } from './transport.ts';

/** Read at a time. What is left while a command waits is copied. */
const CHUNK = 64 * 1024;
/** What a writer takes a copy of. Beyond, it would keep the memory itself. */
const COPIED = 4096;
/** Larger replies are copied in one piece. */
const PIECEWISE = 4 * COPIED;

/** A client on a connection of an event loop: no goroutine, no promise, no memory while nothing comes. */
class LoopTransport implements Transport {
  readonly #conn: Connection;
  client: Client | null = null;
  /** A command waits: for an element of a list, for the peer to read, for the disk. */
  #busy = false;

  constructor(conn: Connection) {
    this.#conn = conn;
  }

  get localAddress(): string {
    return String(this.#conn.localAddr);
  }

  get remoteAddress(): string {
    return String(this.#conn.remoteAddr);
  }

  get queued(): number {
    return this.#conn.unsentLength;
  }

  send(bytes: Uint8Array): Promise<void> | undefined {
    const conn = this.#conn;
    if (!conn.isActive) return undefined;
    if (bytes.length > PIECEWISE) {
      conn.writer.writeBinary(bytes.slice());
    } else {
      for (let at = 0; at < bytes.length; at += COPIED) {
        conn.writer.writeBinary(bytes.length <= COPIED ? bytes : bytes.subarray(at, at + COPIED));
      }
    }
    const sent = conn.writer.flush();
    // A connection that fails is closed by its loop: `ended` says so.
    return conn.unsentLength === 0 ? undefined : sent.catch(() => {});
  }

  close(how: 'gracefully' | 'now'): void {
    if (how === 'now') this.#conn.closeNow();
    else this.#close();
  }

  #close(): void {
    // What the peer does not take, or that it went before: nobody is left to care.
    if (this.#conn.isActive) this.#conn.close().catch(() => {});
  }

  /** Something has come. */
  request(): void {
    const conn = this.#conn;
    const { client } = this;
    if (this.#busy) {
      // It stays in the kernel: the loop does not hold endless amounts for a handler that takes nothing.
      if (conn.len >= CHUNK) conn.pause();
      return;
    }
    while (conn.len > 0) {
      const wait = client!.receive(conn.reader.tryNext(Math.min(conn.len, CHUNK))!);
      if (wait !== undefined) {
        this.#waitFor(wait);
        return;
      }
      if (client!.closing) return;
    }
    conn.reader.release();
    if (conn.ended) this.#close();
  }

  #waitFor(wait: Promise<void>): void {
    this.#busy = true;
    wait.then(() => {
      this.#busy = false;
      if (!this.#conn.isActive || this.client!.closing) return;
      this.#conn.resume();
      this.request();
    });
  }

  /** The peer will send nothing more. What it has asked is answered, but it need not wait for anything. */
  peerEnded(): void {
    if (this.client!.waiting !== null || this.client!.subscribed) this.client!.end();
    else if (!this.#busy && this.#conn.len === 0) this.#close();
  }
}

/** The event loop on which a server's clients live. */
export function eventLoopFor(server: Server): EventLoop {
  return new EventLoop({
    halfOpen: true,
    onPrepare(conn) {
      const transport = new LoopTransport(conn);
      const client = server.accept(transport);
      if (client === null) return;
      transport.client = client;
      conn.context = transport;
      conn.addCloseCallback(() => client.ended());
    },
    onRequest(conn) {
      (conn.context as LoopTransport).request();
    },
    onDisconnect(conn) {
      (conn.context as LoopTransport).peerEnded();
    },
  });
}
