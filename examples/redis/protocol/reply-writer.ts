import { formatDouble } from './doubles.ts';
import { type Latin1Buffer, latin1Buffer } from './latin1.ts';

const CR = 13;
const LF = 10;
const ZERO = 48;
const INITIAL = 64 * 1024;
/** A buffer that one huge reply has made larger than this is not kept. */
const KEPT = 1024 * 1024;
/** A copy in a loop is quicker than the call of one for so many characters. */
const SHORT = 24;

export type ProtocolVersion = 2 | 3;

/** Replies, one behind the other, in memory that is used again and again: what it holds must be taken or copied. */
export class ReplyWriter {
  #buffer: Latin1Buffer = latin1Buffer(INITIAL);
  length = 0;
  /** Which version of RESP the client at hand speaks. */
  protocol: ProtocolVersion = 2;

  /** What was written from `start` on; lent until the next call. */
  bytes(start = 0): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, start, this.length - start);
  }

  /** Forgets what was written behind `length`. */
  truncate(length: number): void {
    this.length = length;
    if (length === 0 && this.#buffer.length > KEPT) this.#buffer = latin1Buffer(INITIAL);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#buffer.length) return;
    const larger = latin1Buffer(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }

  /** A length or an integer with the sign that says what it is. */
  #header(sign: number, value: number): void {
    this.#reserve(32);
    const buffer = this.#buffer;
    let at = this.length;
    buffer[at++] = sign;
    if (value >= 0 && value < 10) {
      buffer[at++] = ZERO + value;
    } else if (value >= 0 && value < 1e9) {
      let digits = 1;
      for (let power = 10; power <= value; power *= 10) digits++;
      let rest = value;
      for (let i = at + digits - 1; i >= at; i--) {
        const next = (rest / 10) | 0;
        buffer[i] = ZERO + rest - next * 10;
        rest = next;
      }
      at += digits;
    } else {
      at += buffer.latin1Write(String(value), at, 24);
    }
    buffer[at++] = CR;
    buffer[at++] = LF;
    this.length = at;
  }

  #text(text: string): void {
    const { length } = text;
    this.#reserve(length + 2);
    const buffer = this.#buffer;
    let at = this.length;
    if (length <= SHORT) {
      for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i);
    } else {
      buffer.latin1Write(text, at, length);
      at += length;
    }
    buffer[at++] = CR;
    buffer[at++] = LF;
    this.length = at;
  }

  #line(sign: number, text: string): void {
    this.#reserve(1);
    this.#buffer[this.length++] = sign;
    this.#text(text);
  }

  /** Bytes that are a reply already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** `+OK` */
  simple(text: string): void {
    this.#line(43, text);
  }

  ok(): void {
    this.#reserve(8);
    const buffer = this.#buffer;
    const at = this.length;
    buffer[at] = 43;
    buffer[at + 1] = 79;
    buffer[at + 2] = 75;
    buffer[at + 3] = CR;
    buffer[at + 4] = LF;
    this.length = at + 5;
  }

  /** One line, whatever a client has put into the message. */
  error(message: string): void {
    this.#line(45, message.replace(/[\r\n]/g, ' '));
  }

  integer(value: number): void {
    this.#header(58, value);
  }

  /** An integer that is spelled out: it may be larger than a number holds exactly. */
  spelledInteger(digits: string): void {
    this.#line(58, digits);
  }

  flag(value: boolean): void {
    this.integer(value ? 1 : 0);
  }

  bulk(text: string): void {
    this.#header(36, text.length);
    this.#text(text);
  }

  bulkOrNull(text: string | null | undefined): void {
    if (text === null || text === undefined) this.null();
    else this.bulk(text);
  }

  /** A text in UTF-8, for those of ours. */
  verbatim(text: string) {
    const bytes = Buffer.from(text, 'utf8').latin1Slice();
    if (this.protocol === 2) return this.bulk(bytes);
    this.#header(61, bytes.length + 4);
    this.#text(`txt:${bytes}`);
  }

  null(): void {
    if (this.protocol === 2) this.#text('$-1');
    else this.#text('_');
  }

  nullArray(): void {
    if (this.protocol === 2) this.#text('*-1');
    else this.#text('_');
  }

  double(value: number): void {
    const text = formatDouble(value);
    if (this.protocol === 2) this.bulk(text);
    else this.#line(44, text);
  }

  array(length: number): void {
    this.#header(42, length);
  }

  /** Of `pairs` keys with their values. RESP2 knows only arrays. */
  map(pairs: number): void {
    if (this.protocol === 2) this.#header(42, pairs * 2);
    else this.#header(37, pairs);
  }

  set(length: number): void {
    this.#header(this.protocol === 2 ? 42 : 126, length);
  }

  /** What nobody asked for: a message of a channel. */
  push(length: number): void {
    this.#header(this.protocol === 2 ? 42 : 62, length);
  }

  bulks(texts: readonly string[]): void {
    this.array(texts.length);
    for (const text of texts) this.bulk(text);
  }
}

declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
  }
}
