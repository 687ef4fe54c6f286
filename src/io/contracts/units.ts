/**
 * A source of single bytes. `readByte` resolves the byte (0 to 255), or `null` at the end. When it rejects, no byte
 * was consumed.
 *
 * @example
 * ```ts
 * import type { ByteReader } from 'gopark/io';
 *
 * async function varint(r: ByteReader): Promise<number> {
 *   let value = 0;
 *   for (let scale = 1; ; scale *= 128) {
 *     const byte = (await r.readByte()) ?? 0;
 *     value += (byte & 127) * scale;
 *     if (byte < 128) return value;
 *   }
 * }
 * ```
 */
export interface ByteReader {
  readByte(): Promise<number | null>;
}

/**
 * A `ByteReader` that can take its last step back: after `unreadByte` the next `readByte` gives the same byte again.
 *
 * @example
 * ```ts
 * import type { ByteScanner } from 'gopark/io';
 *
 * async function peekByte(r: ByteScanner): Promise<number | null> {
 *   const byte = await r.readByte();
 *   if (byte !== null) r.unreadByte();
 *   return byte;
 * }
 * ```
 */
export interface ByteScanner extends ByteReader {
  unreadByte(): void;
}

/**
 * A destination of single bytes.
 *
 * @example
 * ```ts
 * import type { ByteWriter } from 'gopark/io';
 *
 * async function newline(w: ByteWriter): Promise<void> {
 *   await w.writeByte(0x0a);
 * }
 * ```
 */
export interface ByteWriter {
  writeByte(byte: number): Promise<void>;
}

/**
 * One character read from UTF-8: its code point and how many bytes it took. A byte that belongs to no valid
 * character reads as U+FFFD with size 1.
 *
 * @example
 * ```ts
 * import type { Rune } from 'gopark/io';
 *
 * const euro: Rune = { codePoint: 0x20ac, size: 3 };
 * ```
 */
export interface Rune {
  readonly codePoint: number;
  readonly size: number;
}

/**
 * A source of UTF-8 characters. `readRune` resolves `null` at the end.
 *
 * @example
 * ```ts
 * import type { RuneReader } from 'gopark/io';
 *
 * async function firstCharacter(r: RuneReader): Promise<string> {
 *   const rune = await r.readRune();
 *   return rune === null ? '' : String.fromCodePoint(rune.codePoint);
 * }
 * ```
 */
export interface RuneReader {
  readRune(): Promise<Rune | null>;
}

/**
 * A `RuneReader` that can take its last `readRune` back, and only that.
 *
 * @example
 * ```ts
 * import type { RuneScanner } from 'gopark/io';
 *
 * async function skipSpaces(r: RuneScanner): Promise<void> {
 *   let rune = await r.readRune();
 *   while (rune?.codePoint === 0x20) rune = await r.readRune();
 *   if (rune !== null) r.unreadRune();
 * }
 * ```
 */
export interface RuneScanner extends RuneReader {
  unreadRune(): void;
}

/**
 * A writer that takes strings without an array in between. `writeString` encodes `s` as UTF-8 and resolves the
 * number of bytes; a lone surrogate becomes U+FFFD.
 *
 * @example
 * ```ts
 * import type { StringWriter } from 'gopark/io';
 *
 * async function greet(w: StringWriter): Promise<void> {
 *   await w.writeString('hello\n');
 * }
 * ```
 */
export interface StringWriter {
  writeString(s: string): Promise<number>;
}
