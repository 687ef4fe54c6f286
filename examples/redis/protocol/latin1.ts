/**
 * Keys and values are bytes. A string whose characters are those bytes (latin1) is the exact and the fast form of
 * them: V8 keeps one byte for each, hashes it once, and compares two in the order of memcmp.
 */
export interface Latin1Buffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
}

export function latin1Buffer(size: number): Latin1Buffer {
  return Buffer.allocUnsafeSlow(size) as Latin1Buffer;
}

let last: Latin1Buffer = latin1Buffer(0);

/** All the memory that `bytes` is a part of, with Buffer's methods. What is read comes from the same few places. */
export function wholeMemory(bytes: Uint8Array): Latin1Buffer {
  if (bytes.buffer !== last.buffer) last = Buffer.from(bytes.buffer) as Latin1Buffer;
  return last;
}
