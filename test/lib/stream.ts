import { pattern } from './bytes.ts';

/** A prime: no shift by a power of two looks right. */
const PERIOD = 65_521;
const period = pattern(PERIOD, 42);

function phase(seed: number, position: number): number {
  return (position + seed * 7919) % PERIOD;
}

/** Bytes [from, to) of an endless stream that nobody has to remember. Another seed, another stream. */
export function streamBytes(seed: number, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  for (let at = 0; at < bytes.length; ) {
    const start = phase(seed, from + at);
    const part = period.subarray(start, Math.min(PERIOD, start + bytes.length - at));
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Whether `bytes` are what that stream has from `position` on. */
export function isOfStream(bytes: Uint8Array, seed: number, position: number): boolean {
  return Buffer.compare(bytes, streamBytes(seed, position, position + bytes.length)) === 0;
}
