import { splitInline } from './inline.ts';
import { integerOf } from './integers.ts';
import { type Latin1Buffer, latin1Buffer, wholeMemory } from './latin1.ts';
import { limits } from './limits.ts';

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const ZERO = 48;

/** Finds what the bytes of a command's name mean, without a string of them. */
export interface Names<C> {
  find(bytes: Uint8Array, start: number, length: number): C | null;
  /** The name that the program uses for it. */
  nameOf(command: C): string;
}

/** What `next` found. */
export const Parsed = { more: 0, command: 1, failed: 2 } as const;
export type Parsed = (typeof Parsed)[keyof typeof Parsed];

const nothing = latin1Buffer(0);

/**
 * Requests out of bytes, however they are cut: `feed` lends it a chunk, `next` finds one command after the other.
 * When `next` asks for more, the chunk is used up: what of it belongs to an unfinished command is copied, in memory
 * that grows with what has arrived and never with what was announced.
 */
export class RequestParser<C> {
  readonly #names: Names<C>;
  #chunk: Latin1Buffer = nothing;
  #position = 0;
  #end = 0;
  /** The command that is being read: how many arguments it still wants, and how long the next one is (-1: unknown). */
  #args: string[] = [];
  #remaining = 0;
  #bulk = -1;
  #requestBytes = 0;
  /** The beginning of a line or of an argument whose end has not come. */
  #carry: Latin1Buffer = nothing;
  #carried = 0;
  /** The command of `args`; null: no known one. */
  command: C | null = null;
  args: string[] = this.#args;
  error = '';
  /** Whoever has not given the password yet may send little. */
  trusted = true;
  /** All bytes that were fed, and how many of them the last command ended behind: for whoever feeds a file. */
  #fed = 0;
  commandEnd = 0;

  constructor(names: Names<C>) {
    this.#names = names;
  }

  /** Whether a command has begun and not ended. */
  get unfinished(): boolean {
    return this.#carried > 0 || this.#remaining > 0;
  }

  /** Bytes that it keeps of an unfinished command. */
  get kept(): number {
    return this.#carry.length + this.#requestBytes;
  }

  /** The next bytes. They are read until `next` asks for more, or `keep` is called. */
  feed(bytes: Uint8Array): void {
    this.#chunk = wholeMemory(bytes);
    this.#position = bytes.byteOffset;
    this.#end = bytes.byteOffset + bytes.length;
    this.#fed += bytes.length;
  }

  /** Copies what was not read yet, for a chunk that has to be given back now. Null: nothing is left. */
  keep(): Uint8Array | null {
    const rest =
      this.#position < this.#end ? Buffer.from(this.#chunk.subarray(this.#position, this.#end)) : null;
    this.#fed -= rest?.length ?? 0;
    this.#drop();
    return rest;
  }

  #drop(): void {
    this.#chunk = nothing;
    this.#position = 0;
    this.#end = 0;
  }

  next(): Parsed {
    if (this.#carried > 0) {
      const status = this.#continueCarried();
      if (status !== Parsed.command) return status;
      if (this.#remaining === 0 && this.#args.length > 0) return this.#finish();
    }
    for (;;) {
      if (this.#remaining === 0) {
        if (this.#position >= this.#end) return this.#wantMore();
        if (this.#chunk[this.#position] === STAR) {
          const status = this.#readCount();
          if (status !== Parsed.command) return status;
          if (this.#remaining === 0) continue;
        } else {
          const status = this.#readInline();
          if (status !== Parsed.command) return status;
          if (this.#args.length > 0) return this.#finish();
          continue;
        }
      }
      while (this.#remaining > 0) {
        if (this.#bulk < 0) {
          const status = this.#readBulkLength();
          if (status !== Parsed.command) return status;
        }
        const start = this.#position;
        const after = start + this.#bulk + 2;
        if (after > this.#end) return this.#wantMore();
        this.#take(this.#chunk, start);
        this.#position = after;
      }
      return this.#finish();
    }
  }

  #finish(): Parsed {
    this.args = this.#args;
    this.#args = [];
    this.#requestBytes = 0;
    this.commandEnd = this.#fed - (this.#end - this.#position);
    return Parsed.command;
  }

  /** The argument at `start` of `bytes`. */
  #take(bytes: Latin1Buffer, start: number): void {
    const length = this.#bulk;
    if (this.#args.length === 0) {
      const command = this.#names.find(bytes, start, length);
      this.command = command;
      this.#args.push(
        command === null ? bytes.latin1Slice(start, start + length) : this.#names.nameOf(command),
      );
    } else {
      this.#args.push(bytes.latin1Slice(start, start + length));
    }
    this.#requestBytes += length;
    this.#remaining--;
    this.#bulk = -1;
  }

  #fail(message: string): Parsed {
    this.error = `Protocol error: ${message}`;
    this.#carry = nothing;
    this.#carried = 0;
    this.#args = [];
    this.#remaining = 0;
    this.#drop();
    return Parsed.failed;
  }

  // Whole in the chunk: the usual case

  /** The number behind the sign at the position, if all of its line is here and it is a plain one; else -1. */
  #plainNumber(): number {
    const chunk = this.#chunk;
    let at = this.#position + 1;
    const last = this.#end - 1;
    if (at >= last) return -1;
    let value = chunk[at]! - ZERO;
    if (value < 0 || value > 9) return -1;
    if (value === 0 && chunk[at + 1] !== CR) return -1;
    for (let digits = 1; digits < 9; digits++) {
      at++;
      if (at >= last) return -1;
      const sign = chunk[at]!;
      if (sign === CR) {
        // Redis does not look at what follows the CR either.
        this.#position = at + 2;
        return value;
      }
      const digit = sign - ZERO;
      if (digit < 0 || digit > 9) return -1;
      value = value * 10 + digit;
    }
    return -1;
  }

  #readCount(): Parsed {
    const count = this.#plainNumber();
    if (count >= 0) return this.#begin(count);
    const line = this.#line('too big mbulk count string');
    return line === null ? this.#status : this.#countLine(line);
  }

  #countLine(line: string): Parsed {
    const count = integerOf(line.slice(1));
    return count === null ? this.#fail('invalid multibulk length') : this.#begin(count);
  }

  #begin(count: number): Parsed {
    if (count > limits.arguments) return this.#fail('invalid multibulk length');
    if (!this.trusted && count > limits.unauthenticatedArguments) {
      return this.#fail('unauthenticated multibulk length');
    }
    this.#remaining = Math.max(0, count);
    this.#bulk = -1;
    return Parsed.command;
  }

  #readBulkLength(): Parsed {
    if (this.#position >= this.#end) return this.#wantMore();
    if (this.#chunk[this.#position] !== DOLLAR) return this.#strange(this.#chunk[this.#position]!);
    const length = this.#plainNumber();
    if (length >= 0) return this.#beginBulk(length);
    const line = this.#line('too big bulk count string');
    return line === null ? this.#status : this.#bulkLine(line);
  }

  #strange(sign: number): Parsed {
    // A line of its own may not be spoilt by what the peer sent.
    const shown = sign < 32 || sign > 126 ? ' ' : String.fromCharCode(sign);
    return this.#fail(`expected '$', got '${shown}'`);
  }

  #bulkLine(line: string): Parsed {
    const length = integerOf(line.slice(1));
    return length === null ? this.#fail('invalid bulk length') : this.#beginBulk(length);
  }

  #beginBulk(length: number): Parsed {
    if (length < 0 || length > limits.bulk) return this.#fail('invalid bulk length');
    if (!this.trusted && length > limits.unauthenticatedBulk)
      return this.#fail('unauthenticated bulk length');
    if (this.#requestBytes + length > limits.request) return this.#fail('too big request');
    this.#bulk = length;
    return Parsed.command;
  }

  #readInline(): Parsed {
    const line = this.#line('too big inline request');
    return line === null ? this.#status : this.#inlineLine(line);
  }

  #inlineLine(line: string): Parsed {
    const words = splitInline(line);
    if (words === null) return this.#fail('unbalanced quotes in request');
    this.#args = words;
    if (words.length > 0) {
      const name = Buffer.from(words[0]!, 'latin1');
      this.command = this.#names.find(name, 0, name.length);
      if (this.command !== null) words[0] = this.#names.nameOf(this.command);
    }
    return Parsed.command;
  }

  /** What `#line` ended with when it found none. */
  #status: Parsed = Parsed.more;

  /** The line at the position, without its end, and behind it; null when there is no end in the chunk. */
  #line(tooBig: string): string | null {
    const chunk = this.#chunk;
    const start = this.#position;
    const isInline = this.#remaining === 0 && chunk[start] !== STAR;
    const length = chunk.subarray(start, this.#end).indexOf(isInline ? LF : CR);
    const found = start + length;
    const end = isInline ? found : found + 1;
    if (length < 0 || end >= this.#end) {
      this.#status = this.#end - start > limits.line ? this.#fail(tooBig) : this.#wantMore();
      return null;
    }
    if (length > limits.line) {
      this.#status = this.#fail(tooBig);
      return null;
    }
    this.#position = end + 1;
    return chunk.latin1Slice(start, isInline && length > 0 && chunk[found - 1] === CR ? found - 1 : found);
  }

  // Cut in pieces

  /** Puts aside what is left of the chunk. */
  #wantMore(): Parsed {
    const rest = this.#end - this.#position;
    if (rest > 0) {
      this.#carryMore(rest);
    }
    this.#drop();
    return Parsed.more;
  }

  #carryMore(count: number): void {
    const needed = this.#carried + count;
    if (needed > this.#carry.length) {
      const most = this.#bulk >= 0 ? this.#bulk + 2 : limits.line * 2;
      const larger = latin1Buffer(Math.max(needed, Math.min(most, needed * 2)));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(this.#chunk.subarray(this.#position, this.#position + count), this.#carried);
    this.#carried += count;
    this.#position += count;
  }

  /** Completes the line or argument that the last chunk cut. */
  #continueCarried(): Parsed {
    if (this.#remaining > 0 && this.#bulk >= 0) {
      const missing = this.#bulk + 2 - this.#carried;
      this.#carryMore(Math.min(missing, this.#end - this.#position));
      if (this.#carried < this.#bulk + 2) return this.#wantMore();
      this.#take(this.#carry, 0);
      this.#endCarry();
      return Parsed.command;
    }
    const sign = this.#carry[0]!;
    const isInline = this.#remaining === 0 && sign !== STAR;
    while (!this.#carriesLine(isInline)) {
      if (this.#carried > limits.line) return this.#fail(this.#tooBig(isInline));
      if (this.#position >= this.#end) return this.#wantMore();
      this.#carryMore(1);
    }
    const length = this.#carried;
    const cut = length >= 2 && this.#carry[length - 2] === CR ? 2 : 1;
    const line = this.#carry.latin1Slice(0, length - cut);
    this.#endCarry();
    if (isInline) return this.#inlineLine(line);
    return sign === STAR ? this.#countLine(line) : this.#bulkLine(line);
  }

  #tooBig(isInline: boolean): string {
    if (isInline) return 'too big inline request';
    return this.#carry[0] === STAR ? 'too big mbulk count string' : 'too big bulk count string';
  }

  #carriesLine(isInline: boolean): boolean {
    const length = this.#carried;
    return isInline ? this.#carry[length - 1] === LF : length >= 2 && this.#carry[length - 2] === CR;
  }

  #endCarry(): void {
    this.#carry = nothing;
    this.#carried = 0;
  }
}
