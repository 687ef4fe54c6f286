import type { NonblockingReader, Writer } from '../io/contracts/streams.ts';
import type { Delimiter } from '../io/delimiter.ts';

declare const lent: unique symbol;

/**
 * Memory that belongs to a buffer and was lent: by a reader until its `release()`, by a writer until its `flush()`.
 * After that it holds what the next user writes. Copy what is to stay: `lent.slice()` is the caller's own.
 *
 * @example
 * ```ts
 * import type { Lent, LinkReader } from 'gopark/linkbuffer';
 *
 * function firstByte(header: Lent): number {
 *   return header[0] ?? 0;
 * }
 * async function keepHeader(reader: LinkReader): Promise<Uint8Array | undefined> {
 *   const header = await reader.next(8);
 *   const own = header?.slice();
 *   reader.release();
 *   return own;
 * }
 * ```
 */
export type Lent = Uint8Array & { readonly [lent]: true };

/**
 * The reading side of a LinkBuffer. CloudWeGo Netpoll: `netpoll.Reader`.
 *
 * Methods that give a promise wait until they can do what was asked; those with `try` in their name answer at once,
 * `undefined` meaning "not without waiting". At the end of the stream both give `null` when nothing is left. When
 * something but not enough is left, `next`, `skip`, `slice`, `readString` and `readBinary` fail with
 * `UnexpectedEOFError` and consume nothing, so that it can still be read; `peek` and `until` give what is left. When
 * the stream ended with an error, a call that needs more than what is left fails with that error. A count that is
 * not positive is answered with something empty at once; one that is no whole number is an `ArgumentRangeError`.
 *
 * One call at a time: another one while a call waits fails with `ConcurrentUseError`. What is `Lent` stays valid until
 * `release()`, through any number of further calls and waits; bytes that lie in one block are not copied for it.
 *
 * @example
 * ```ts
 * import type { LinkReader } from 'gopark/linkbuffer';
 *
 * // Frames: four bytes of length, then so many bytes.
 * async function readFrame(reader: LinkReader, most: number): Promise<Uint8Array | null> {
 *   const header = await reader.next(4);
 *   if (header === null) return null;
 *   const length = new DataView(header.buffer, header.byteOffset).getUint32(0);
 *   if (length > most) throw new RangeError(`a frame of ${length} bytes`);
 *   const frame = await reader.readBinary(length);
 *   reader.release();
 *   return frame;
 * }
 * ```
 */
export interface LinkReader extends NonblockingReader {
  /** How many bytes can be read without waiting. */
  readonly len: number;

  /** The next `n` bytes in one piece. */
  next(n: number): Promise<Lent | null>;
  tryNext(n: number): Lent | null | undefined;

  /** The same without consuming them. At the end of the stream what is left, perhaps less than `n`. */
  peek(n: number): Promise<Lent | null>;
  tryPeek(n: number): Lent | null | undefined;

  /** Passes over `n` bytes, as they come: they never need to be there all at once. */
  skip(n: number): Promise<void>;
  /** Passes over `n` bytes if they are all there; false: they are not. */
  trySkip(n: number): boolean;

  /**
   * The bytes up to and including the first `delimiter`. At the end of the stream what is left, perhaps without one.
   * Fails with `LimitExceededError` and consumes nothing when there is none within `limit` bytes (default 65536,
   * the delimiter included): set it wherever a peer decides how much comes. A search goes on where the last one ended.
   */
  until(delimiter: Delimiter, limit?: number): Promise<Lent | null>;
  tryUntil(delimiter: Delimiter, limit?: number): Lent | null | undefined;

  /** The next `n` bytes as text. What is not UTF-8 becomes U+FFFD. */
  readString(n: number): Promise<string | null>;
  tryReadString(n: number): string | null | undefined;

  /** A copy of the next `n` bytes, the caller's own. */
  readBinary(n: number): Promise<Uint8Array<ArrayBuffer> | null>;
  tryReadBinary(n: number): Uint8Array<ArrayBuffer> | null | undefined;

  readByte(): Promise<number | null>;
  tryReadByte(): number | null | undefined;

  /**
   * The next `n` bytes as a reader of its own. It shares the memory and keeps it for as long as it lives, whatever
   * happens to this reader: until its `release()`, which must be called once and ends it. `using` does so, too.
   */
  slice(n: number): Promise<LinkSlice | null>;
  trySlice(n: number): LinkSlice | null | undefined;

  /** The place of the first `byte` at or after `from`, counted from the next byte to read; -1: not among `len`. */
  indexOf(byte: number, from?: number): number;
  /** The byte `offset` places after the next one to read; -1: it is not there. */
  byteAt(offset: number): number;

  /** Gives back everything lent so far. Call it when a message has been dealt with. */
  release(): void;
}

/**
 * A reader over bytes that it shares with the buffer it was taken from. Its `release()` gives them back, read or not;
 * after that every use fails with `ReleasedError`.
 *
 * @example
 * ```ts
 * import type { LinkReader, LinkSlice } from 'gopark/linkbuffer';
 *
 * async function body(reader: LinkReader, length: number): Promise<LinkSlice | null> {
 *   const slice = await reader.slice(length);
 *   reader.release(); // the slice is not affected
 *   return slice;
 * }
 * ```
 */
export interface LinkSlice extends LinkReader, Disposable {}

/**
 * The writing side of a LinkBuffer. CloudWeGo Netpoll: `netpoll.Writer`.
 *
 * Nothing of what is written can be read, or is sent, before `flush()`. No method but `flush` and `write` waits.
 *
 * @example
 * ```ts
 * import type { LinkWriter } from 'gopark/linkbuffer';
 *
 * async function writeFrame(writer: LinkWriter, payload: Uint8Array): Promise<void> {
 *   const header = writer.malloc(4);
 *   new DataView(header.buffer, header.byteOffset).setUint32(0, payload.length);
 *   writer.writeBinary(payload);
 *   await writer.flush();
 * }
 * ```
 */
export interface LinkWriter extends Writer {
  /** The next `n` bytes to write, in one piece and zeroed, to be filled until `flush()` or `mallocAck()`. */
  malloc(n: number): Lent;
  /** How many bytes are not flushed. */
  readonly mallocLen: number;
  /** Keeps the first `n` of all bytes that are not flushed and drops the others. */
  mallocAck(n: number): void;

  /** Writes `s` as UTF-8 and gives the number of bytes. */
  writeString(s: string): number;
  /**
   * Writes `p` and gives its length. Up to 4096 bytes are copied; a larger `p` is taken as it is, and the caller
   * must not change it until the bytes have been read or sent (`flush()` settled, on a connection). What a reader
   * lent may be released at once: its memory is shared until then.
   */
  writeBinary(p: Uint8Array): number;
  /**
   * Puts `p`, as it is, among the bytes that are not flushed, with `remain` of them (default 0) behind it: room for
   * what was known only later inside of what `malloc` gave. `mallocLen` grows by its length.
   */
  writeDirect(p: Uint8Array, remain?: number): void;
  writeByte(byte: number): void;
  /**
   * Moves everything in `other` (a LinkBuffer or slice) behind what is written, without a copy. `other` is empty
   * afterwards, a slice is released, and what `other` had lent is not valid any more.
   */
  append(other: LinkReader): void;

  /** Makes everything written so far readable, or sends it, and resolves when that has happened. */
  flush(): Promise<void>;
}

/**
 * Who fills and empties a LinkBuffer: a connection, an adapter. With an owner the calls of the reading side wait;
 * without one they fail with `NotEnoughDataError`.
 *
 * @example
 * ```ts
 * import { LinkBuffer, type LinkOwner } from 'gopark/linkbuffer';
 *
 * class Source implements LinkOwner {
 *   readonly buffer = new LinkBuffer({ owner: this });
 *   need(n: number): void {
 *     console.log(`a call waits until ${n} bytes are there`);
 *   }
 *   drained(): void {}
 *   async flushed(): Promise<void> {}
 *   closedError(): Error {
 *     return new Error('closed');
 *   }
 * }
 * ```
 */
export interface LinkOwner {
  /**
   * A call waits until `len` is at least `n` or the stream has ended. Called when it begins to wait and whenever its
   * need has changed. The owner must let that much come in, or `fail` the call.
   */
  need(n: number): void;
  /** `heldLength` fell to the level that `notifyAt` set. Called once for each `notifyAt`. */
  drained(): void;
  /** There is something new to take by `vectors` and `consume`. What `flush()` resolves with. */
  flushed(): Promise<void>;
  /** What a call fails with after `close()`. */
  closedError(): Error;
  /** For the dump of parked calls: the line that says who waits, `what` being the call. */
  describeWait?(what: string): string;
  /** For the dump: what is waited on; default the owner itself. */
  readonly resource?: object;
}
