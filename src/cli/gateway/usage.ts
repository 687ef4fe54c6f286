/** A bad command line: its message is for the user. */
export class UsageError extends Error {}

/** A whole number of at least 1 as somebody typed it. `also` names what else would do. */
export function parseCount(name: string, text: string, also = ''): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) {
    const expected = `expected a whole number of at least 1${also}`;
    throw new UsageError(`--${name}: ${expected}, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}
