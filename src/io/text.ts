// UTF-8 in and out of parts of an array, by offsets. Where Node's Buffer is the global it has native functions that
// take offsets and so spare a view per call (100 ns against 130 for a line of 64 bytes, 60 where it is ASCII and
// short). It is looked up, not imported: without it TextDecoder and TextEncoder do the same.

interface NodeBufferMethods {
  utf8Slice?(this: Uint8Array, start: number, end: number): string;
  indexOf?(this: Uint8Array, byte: number, from: number): number;
}

const nodeBuffer = (globalThis as { Buffer?: { prototype: NodeBufferMethods } }).Buffer?.prototype;
const utf8Slice = typeof nodeBuffer?.utf8Slice === 'function' ? nodeBuffer.utf8Slice : undefined;
const nodeIndexOf = typeof nodeBuffer?.indexOf === 'function' ? nodeBuffer.indexOf : undefined;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** The text of `bytes[start, end)`. What is not UTF-8 becomes U+FFFD; a byte order mark stays. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (start >= end) return '';
  if (utf8Slice !== undefined) return utf8Slice.call(bytes, start, end);
  return decoder.decode(bytes.subarray(start, end));
}

/** The UTF-8 of `s`; a lone surrogate becomes U+FFFD. */
export function encodeText(s: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(s);
}

/**
 * Encodes as much of `s` as fits into `p`, whole characters only. `read` counts UTF-16 units of `s`, `written`
 * bytes of `p`.
 */
export function encodeTextInto(s: string, p: Uint8Array): { read: number; written: number } {
  return encoder.encodeInto(s, p);
}

/** The index of the first `byte` at or after `from`, else -1. Three times the speed of Uint8Array's own on Node. */
export const indexOfByte: (bytes: Uint8Array, byte: number, from: number) => number =
  nodeIndexOf !== undefined
    ? (bytes, byte, from) => nodeIndexOf.call(bytes, byte, from)
    : (bytes, byte, from) => bytes.indexOf(byte, from);
