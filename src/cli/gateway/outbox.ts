import type { TCPConn } from '../../net/index.ts';
import type { Topic } from './market.ts';

/** Queued lines leave in pieces of about this size. */
const BATCH = 16 * 1024;

/**
 * What a slow consumer still has to get: a bounded queue of lines, and behind it the latest tick of each symbol.
 * Exists only while the connection does not keep up.
 */
export class Outbox {
  #lines: Uint8Array[] = [];
  #latest = new Map<Topic, Uint8Array>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the queue is so long that its connection should not be read from. */
  get full(): boolean {
    return this.#lines.length >= this.#limit;
  }

  /** A reply: never dropped. Who sends requests without reading replies is not read from any more. */
  reply(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  /** A tick: queued, or, when the queue is full, the only one of its symbol. True: it replaced an older one. */
  tick(topic: Topic, line: Uint8Array): boolean {
    if (!this.full && this.#latest.size === 0) {
      this.#lines.push(line);
      return false;
    }
    const replaced = this.#latest.has(topic);
    this.#latest.set(topic, line);
    return replaced;
  }

  #take(): Uint8Array | null {
    if (this.#lines.length === 0) {
      this.#lines = [...this.#latest.values()];
      this.#latest.clear();
    }
    let size = 0;
    let count = 0;
    while (count < this.#lines.length && size < BATCH) size += this.#lines[count++]!.length;
    return count === 0 ? null : Buffer.concat(this.#lines.splice(0, count), size);
  }

  /** Writes until nothing is left. Each piece has `timeout` ms: a DeadlineExceededError means a consumer too slow. */
  async drain(conn: TCPConn, timeout: number): Promise<void> {
    for (let piece = this.#take(); piece !== null; piece = this.#take()) {
      conn.setWriteTimeout(timeout);
      await conn.write(piece);
    }
  }
}
