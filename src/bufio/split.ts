import { decodeRune, sizeOf } from '../io/utf8.ts';

/**
 * Given as the third value of a `SplitResult`: the scan ends here. The token beside it is the last one; without a
 * token there is none. Go: `bufio.ErrFinalToken`.
 *
 * @example
 * ```ts
 * import { finalToken, Scanner, scanLines } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const untilDot = new Scanner(new StringReader('a\nb\n.\nrest')).split((data, atEnd) => {
 *   const [advance, token] = scanLines(data, atEnd);
 *   return token?.[0] === 0x2e ? [advance, null, finalToken] : [advance, token];
 * });
 * ```
 */
export const finalToken: unique symbol = Symbol('finalToken');

/**
 * What a split function answers: how many bytes of `data` are done with, and the token, if there is one. No token
 * with an advance of 0 asks for more data; an empty array is an empty token.
 *
 * @example
 * ```ts
 * import type { SplitResult } from 'gopark/bufio';
 *
 * const needMore: SplitResult = [0, null];
 * ```
 */
export type SplitResult = readonly [
  advance: number,
  token?: Uint8Array | null | undefined,
  end?: typeof finalToken | undefined,
];

/**
 * Cuts the next token off the front of `data`, the bytes buffered and not yet consumed. `atEnd` says that no more
 * will come; only then may `data` be empty. The token is usually a view of `data`. What it throws ends the scan and
 * is what `scan` rejects with. Go: `bufio.SplitFunc`.
 *
 * @example
 * ```ts
 * import type { SplitFunction } from 'gopark/bufio';
 *
 * // Records with their length in the first byte.
 * const scanRecords: SplitFunction = (data) => {
 *   const length = data[0];
 *   if (length === undefined || data.length <= length) return [0, null];
 *   return [length + 1, data.subarray(1, length + 1)];
 * };
 * ```
 */
export type SplitFunction = (data: Uint8Array, atEnd: boolean) => SplitResult;

const more: SplitResult = [0, null];
const replacement = new Uint8Array([0xef, 0xbf, 0xbd]);

/**
 * Splits into lines without their `\n` or `\r\n`; empty lines are tokens. A last line without ending counts, a `\r`
 * at its end is taken off. The default of a `Scanner`. Go: `bufio.ScanLines`.
 *
 * @example
 * ```ts
 * import { Scanner, scanLines } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const lines = new Scanner(new StringReader('a\r\nb\n')).split(scanLines);
 * for await (const line of lines) console.log(line);
 * ```
 */
export function scanLines(data: Uint8Array, atEnd: boolean): SplitResult {
  const at = data.indexOf(0x0a);
  if (at < 0 && !(atEnd && data.length > 0)) return more;
  const end = at < 0 ? data.length : at;
  return [at < 0 ? end : at + 1, data.subarray(0, end > 0 && data[end - 1] === 0x0d ? end - 1 : end)];
}

/**
 * Splits into words: what stands between white space, as Unicode has it. No empty tokens; white space of any length
 * is skipped. Go: `bufio.ScanWords`.
 *
 * @example
 * ```ts
 * import { Scanner, scanWords } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * let count = 0;
 * const words = new Scanner(new StringReader(' now is  the time ')).split(scanWords);
 * while (await words.scan()) count++;
 * ```
 */
export function scanWords(data: Uint8Array, atEnd: boolean): SplitResult {
  let start = 0;
  while (start < data.length) {
    const size = spaceAt(data, start, atEnd);
    if (size < 0) return [start, null];
    if (size === 0) break;
    start += size;
  }
  for (let end = start; end < data.length; ) {
    const size = spaceAt(data, end, atEnd);
    if (size > 0) return [end + size, data.subarray(start, end)];
    if (size < 0) break;
    end++;
    // The bytes inside a character are never the start of a space.
    while (end < data.length && (data[end]! & 0xc0) === 0x80) end++;
  }
  if (atEnd && start < data.length) return [data.length, data.subarray(start)];
  return [start, null];
}

/** The size of the white space character at `at`; 0 when there is none, -1 when more bytes are needed to tell. */
function spaceAt(data: Uint8Array, at: number, atEnd: boolean): number {
  const first = data[at]!;
  if (first < 0x80) return first === 0x20 || (first >= 0x09 && first <= 0x0d) ? 1 : 0;
  const rune = decodeRune(data, at, data.length);
  if (rune < 0) return atEnd ? 0 : -1;
  return isWideSpace(Math.floor(rune / 8)) ? sizeOf(rune) : 0;
}

function isWideSpace(c: number): boolean {
  if (c < 0x100) return c === 0x85 || c === 0xa0;
  if (c >= 0x2000 && c <= 0x200a) return true;
  return c === 0x1680 || c === 0x2028 || c === 0x2029 || c === 0x202f || c === 0x205f || c === 0x3000;
}

/**
 * Splits into UTF-8 characters. A byte that belongs to none gives the three bytes of U+FFFD.
 * Go: `bufio.ScanRunes`.
 *
 * @example
 * ```ts
 * import { Scanner, scanRunes } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * for await (const character of new Scanner(new StringReader('aé€')).split(scanRunes)) console.log(character);
 * ```
 */
export function scanRunes(data: Uint8Array, atEnd: boolean): SplitResult {
  if (data.length === 0) return more;
  const rune = decodeRune(data, 0, data.length);
  if (rune < 0 && !atEnd) return more;
  const size = sizeOf(rune);
  const isBad = rune < 0 || (size === 1 && data[0]! >= 0x80);
  return isBad ? [1, replacement.slice()] : [size, data.subarray(0, size)];
}

/**
 * Splits into single bytes. Go: `bufio.ScanBytes`.
 *
 * @example
 * ```ts
 * import { Scanner, scanBytes } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 *
 * const bytes = new Scanner(new StringReader('ab')).split(scanBytes);
 * while (await bytes.scan()) console.log(bytes.bytes()[0]);
 * ```
 */
export function scanBytes(data: Uint8Array, _atEnd: boolean): SplitResult {
  return data.length === 0 ? more : [1, data.subarray(0, 1)];
}
