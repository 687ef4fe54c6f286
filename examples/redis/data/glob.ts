/**
 * Whether `text` fits a pattern as KEYS and PSUBSCRIBE have it: `*`, `?`, `[a-c]`, `[^a]`, and a backslash before
 * what is meant literally. Takes at most pattern times text steps, whatever the pattern.
 */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  /** Behind the last star, and what it has swallowed up to. */
  let star = -1;
  let swallowed = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = ++p;
      swallowed = t;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, text.charCodeAt(t)) : -1;
    if (next >= 0) {
      p = next;
      t++;
    } else if (star >= 0) {
      p = star;
      t = ++swallowed;
    } else {
      return false;
    }
  }
  while (p < pattern.length && pattern[p] === '*') p++;
  return p >= pattern.length;
}

/** Where the pattern goes on behind what takes one character; -1 when it does not take this one. */
function matchOne(pattern: string, p: number, code: number): number {
  const sign = pattern[p]!;
  if (sign === '?') return p + 1;
  if (sign === '[') return matchClass(pattern, p + 1, code);
  if (sign === '\\' && p + 1 < pattern.length) return pattern.charCodeAt(p + 1) === code ? p + 2 : -1;
  return pattern.charCodeAt(p) === code ? p + 1 : -1;
}

function matchClass(pattern: string, start: number, code: number): number {
  let p = start;
  const negated = pattern[p] === '^';
  if (negated) p++;
  let found = false;
  for (; p < pattern.length && pattern[p] !== ']'; p++) {
    if (pattern[p] === '\\' && p + 1 < pattern.length) {
      p++;
      if (pattern.charCodeAt(p) === code) found = true;
    } else if (p + 2 < pattern.length && pattern[p + 1] === '-') {
      const one = pattern.charCodeAt(p);
      const other = pattern.charCodeAt(p + 2);
      if (code >= Math.min(one, other) && code <= Math.max(one, other)) found = true;
      p += 2;
    } else if (pattern.charCodeAt(p) === code) {
      found = true;
    }
  }
  // A class without an end ends with the pattern.
  const end = Math.min(p + 1, pattern.length);
  return found !== negated ? end : -1;
}
