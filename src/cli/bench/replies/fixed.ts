import { BadReplyError, type ReplyReader } from './reader.ts';

/** Answers of a fixed length, whatever is in them. */
export class FixedReplies implements ReplyReader {
  readonly refusals = 0;
  readonly #length: number;
  #received = 0;

  constructor(length: number) {
    this.#length = length;
  }

  take(_p: Uint8Array, from: number, to: number): number {
    const total = this.#received + to - from;
    this.#received = total % this.#length;
    return (total - this.#received) / this.#length;
  }
}

/** The message itself comes back: every byte is compared. */
export class EchoReplies implements ReplyReader {
  readonly refusals = 0;
  readonly #length: number;
  /** The message again and again, long enough to compare a whole read with it from any place in the first one. */
  readonly #stream: Buffer;
  #at = 0;

  constructor(length: number, stream: Uint8Array) {
    this.#length = length;
    this.#stream = Buffer.from(stream.buffer, stream.byteOffset, stream.byteLength);
  }

  take(p: Uint8Array, from: number, to: number): number {
    const at = this.#at;
    const end = at + to - from;
    if (this.#stream.compare(p, from, to, at, end) !== 0) throw this.#difference(p.subarray(from, to));
    this.#at = end % this.#length;
    return (end - this.#at) / this.#length;
  }

  #difference(p: Uint8Array): BadReplyError {
    const at = p.findIndex((byte, i) => byte !== this.#stream[this.#at + i]);
    const [sent, came] = [this.#stream[this.#at + at]!, p[at]!].map(
      (byte) => `0x${byte.toString(16).padStart(2, '0')}`,
    );
    return new BadReplyError(
      `byte ${(this.#at + at) % this.#length} of an echo is ${came}, sent was ${sent} (--reply says how answers look)`,
    );
  }
}
