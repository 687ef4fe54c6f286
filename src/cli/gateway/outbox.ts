import type { Connection } from '../../eventloop/index.ts';
import type { Topic } from './market.ts';

/** Queued lines leave in pieces of about this size. */
const BATCH = 16 * 1024;
/** Beyond so many queued bytes a connection is not read from: replies are never dropped, so none must be added. */
const MOST_BYTES = 64 * 1024;

/**
 * What a slow consumer still has to get: a bounded queue of lines, and behind it the latest tick of each symbol.
 * Exists only while the connection does not keep up.
 */
export class Outbox {
  #lines: Uint8Array[] = [];
  #bytes = 0;
  #latest = new Map<Topic, Uint8Array>();
  readonly #limit: number;
  /** Resolves when it is empty, or its connection has been dropped. */
  drained: Promise<void> = Promise.resolve();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the queue is so long that its connection should not be read from. */
  get full(): boolean {
    return this.#lines.length >= this.#limit || this.#bytes >= MOST_BYTES;
  }

  get empty(): boolean {
    return this.#lines.length === 0 && this.#latest.size === 0;
  }

  /** A reply: never dropped. Who sends requests without reading replies is not read from any more. */
  reply(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#lines.push(bytes);
  }

  /** A tick: queued, or, when the queue is full, the only one of its symbol. True: it replaced an older one. */
  tick(topic: Topic, line: Uint8Array): boolean {
    if (!this.full && this.#latest.size === 0) {
      this.reply(line);
      return false;
    }
    const replaced = this.#latest.has(topic);
    this.#latest.set(topic, line);
    return replaced;
  }

  /** The next piece to send; null when nothing is left. */
  take(): Uint8Array | null {
    if (this.#lines.length === 0) {
      for (const line of this.#latest.values()) this.reply(line);
      this.#latest.clear();
    }
    let size = 0;
    let count = 0;
    while (count < this.#lines.length && size < BATCH) size += this.#lines[count++]!.length;
    if (count === 0) return null;
    this.#bytes -= size;
    return Buffer.concat(this.#lines.splice(0, count), size);
  }

  /** Writes until nothing is left. Each piece has `timeout` ms: a DeadlineExceededError means a consumer too slow. */
  async drain(conn: Connection, timeout: number): Promise<void> {
    for (let piece = this.take(); piece !== null; piece = this.take()) {
      conn.setWriteTimeout(timeout);
      await conn.write(piece);
    }
    conn.setWriteTimeout(null);
  }
}
