import { ArgumentRangeError } from './arguments.ts';

/** What stands for bytes that are no character. */
export const replacementCharacter = 0xfffd;

/** One code point and its size in one number, so that decoding allocates nothing: `codePoint * 8 + size`. */
export type PackedRune = number;

export const codePointOf = (rune: PackedRune): number => Math.floor(rune / 8);
export const sizeOf = (rune: PackedRune): number => rune % 8;

/** U+FFFD for one bad byte. */
export const badByte: PackedRune = replacementCharacter * 8 + 1;

/** Allowed second bytes after `first`, packed as `low * 256 + high`; 0 where `first` starts no character. */
function secondByteRange(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first === 0xe0) return 0xa0bf;
  if (first === 0xed) return 0x809f;
  if (first === 0xf0) return 0x90bf;
  if (first === 0xf4) return 0x808f;
  return 0x80bf;
}

/**
 * Decodes the character at `start`. `badByte` where there is none, -1 where the bytes up to `end` begin one and
 * more are needed.
 */
export function decodeRune(bytes: Uint8Array, start: number, end: number): PackedRune {
  const first = bytes[start]!;
  if (first < 0x80) return first * 8 + 1;
  const range = secondByteRange(first);
  if (range === 0) return badByte;
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let codePoint = first & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) {
    if (start + i >= end) return -1;
    const byte = bytes[start + i]!;
    const low = i === 1 ? range >> 8 : 0x80;
    const high = i === 1 ? range & 0xff : 0xbf;
    if (byte < low || byte > high) return badByte;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  return codePoint * 8 + size;
}

/** The bytes of one code point; what is none (surrogates, negative, too large) becomes U+FFFD. */
export function encodeRune(codePoint: number): number[] {
  if (!Number.isInteger(codePoint)) throw new ArgumentRangeError('codePoint', 'a whole number', codePoint);
  const isCharacter =
    codePoint >= 0 && codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint <= 0xdfff);
  const c = isCharacter ? codePoint : replacementCharacter;
  if (c < 0x80) return [c];
  if (c < 0x800) return [0xc0 | (c >> 6), 0x80 | (c & 0x3f)];
  if (c < 0x10000) return [0xe0 | (c >> 12), 0x80 | ((c >> 6) & 0x3f), 0x80 | (c & 0x3f)];
  return [0xf0 | (c >> 18), 0x80 | ((c >> 12) & 0x3f), 0x80 | ((c >> 6) & 0x3f), 0x80 | (c & 0x3f)];
}
