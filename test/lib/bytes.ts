/** Pseudo-random bytes, the same for the same seed. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function untext(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Compares without printing megabytes when it fails. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (actual.length !== expected.length) {
    throw new Error(`got ${actual.length} bytes, expected ${expected.length}`);
  }
  const differs = Buffer.compare(actual, expected) !== 0;
  if (!differs) return;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  throw new Error(`byte ${at} of ${actual.length} is ${actual[at]}, expected ${expected[at]}`);
}
