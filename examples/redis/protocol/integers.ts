const ZERO = 48;
const MINUS = 45;
const MAX = '9223372036854775807';
const MIN = '9223372036854775808';

/**
 * Whether `text` is a signed integer of 64 bits in its only spelling: no sign before zero, no zero before digits, no
 * space.
 */
export function isInteger(text: string): boolean {
  const { length } = text;
  const start = text.charCodeAt(0) === MINUS ? 1 : 0;
  const digits = length - start;
  if (digits === 0 || digits > 19) return false;
  const first = text.charCodeAt(start);
  if (first === ZERO) return length === 1;
  for (let i = start; i < length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return false;
  }
  return digits < 19 || (start === 1 ? text.slice(1) <= MIN : text <= MAX);
}

/** Its value, rounded beyond 2^53; null when it is none. For counts, positions and times. */
export function integerOf(text: string): number | null {
  // The usual case without a call: a digit, or several that are not led by zero.
  const { length } = text;
  if (length > 0 && length < 10) {
    let value = text.charCodeAt(0) - ZERO;
    if (value > 0 && value <= 9) {
      for (let i = 1; i < length; i++) {
        const digit = text.charCodeAt(i) - ZERO;
        if (digit < 0 || digit > 9) return null;
        value = value * 10 + digit;
      }
      return value;
    }
  }
  return isInteger(text) ? Number(text) : null;
}

const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;

/** `a + b` of two integers that are spelled out, exactly; null beyond 64 bits. */
export function sum(a: string, b: string): string | null {
  const quick = Number(a) + Number(b);
  if (a.length < 16 && b.length < 16 && Number.isSafeInteger(quick)) return String(quick);
  const exact = BigInt(a) + BigInt(b);
  return exact < LOWEST || exact > HIGHEST ? null : String(exact);
}

/** `-a`; null for the one integer of 64 bits that has no counterpart. */
export function negated(a: string): string | null {
  const exact = -BigInt(a);
  return exact > HIGHEST ? null : String(exact);
}
