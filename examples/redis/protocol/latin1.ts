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

/** The same memory with Buffer's methods. */
export function asLatin1(bytes: Uint8Array): Latin1Buffer {
  if (bytes instanceof Buffer) return bytes as Latin1Buffer;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) as Latin1Buffer;
}
