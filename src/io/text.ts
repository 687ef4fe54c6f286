// UTF-8 in and out of parts of an array, by offsets. Where Node's Buffer is the global it has native functions that
// take offsets and so spare a view per call (100 ns against 130 for a line of 64 bytes, 60 where it is ASCII and
// short). It is looked up, not imported: without it TextDecoder and TextEncoder do the same.

interface NodeBufferMethods {
  utf8Slice?(this: Uint8Array, start: number, end: number): string;
  utf8Write?(this: Uint8Array, s: string, at: number, room: number): number;
  indexOf?(this: Uint8Array, byte: number, from: number): number;
}

const nodeBuffer = (globalThis as { Buffer?: { prototype: NodeBufferMethods } }).Buffer?.prototype;
const utf8Slice = typeof nodeBuffer?.utf8Slice === 'function' ? nodeBuffer.utf8Slice : undefined;
const utf8Write = typeof nodeBuffer?.utf8Write === 'function' ? nodeBuffer.utf8Write : undefined;
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

/** Writes the UTF-8 of `s` to `bytes` from `at` on and gives its length. There must be room: 3 bytes a unit. */
export function writeText(bytes: Uint8Array, s: string, at: number): number {
  if (utf8Write !== undefined) return utf8Write.call(bytes, s, at, bytes.length - at);
  return encoder.encodeInto(s, bytes.subarray(at)).written;
}

/** The index of the first `byte` at or after `from`, else -1. Three times the speed of Uint8Array's own on Node. */
export const indexOfByte: (bytes: Uint8Array, byte: number, from: number) => number =
  nodeIndexOf !== undefined
    ? (bytes, byte, from) => nodeIndexOf.call(bytes, byte, from)
    : (bytes, byte, from) => bytes.indexOf(byte, from);
