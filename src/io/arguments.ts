/** A value as an error message shows it: short, and never by running the value's own code. */
function show(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') {
    return String(value);
  }
  if (typeof value === 'string')
    return JSON.stringify(value.length > 24 ? `${value.slice(0, 24)}...` : value);
  return typeof value === 'function' ? 'a function' : `a value of type ${typeof value}`;
}

/**
 * An argument of the wrong type, as plain JavaScript can pass it. The call did nothing.
 *
 * @example
 * ```ts
 * import { ArgumentTypeError, discard } from 'gopark/io';
 *
 * await discard.write('text' as never).catch((error) => console.log(error instanceof ArgumentTypeError));
 * ```
 */
export class ArgumentTypeError extends TypeError {
  readonly code = 'ERR_INVALID_ARG_TYPE';

  constructor(name: string, expected: string, value: unknown) {
    super(`${name} must be ${expected}, but is ${show(value)}`);
    this.name = 'ArgumentTypeError';
  }
}

/**
 * An argument of the right type with a value that cannot be. The call did nothing.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bufio';
 * import { StringReader } from 'gopark/bytes';
 * import { ArgumentRangeError } from 'gopark/io';
 *
 * await new Reader(new StringReader('abc')).discard(-1).catch((error) => {
 *   console.log(error instanceof ArgumentRangeError);
 * });
 * ```
 */
export class ArgumentRangeError extends RangeError {
  readonly code = 'ERR_OUT_OF_RANGE';

  constructor(name: string, expected: string, value: unknown) {
    super(`${name} must be ${expected}, but is ${show(value)}`);
    this.name = 'ArgumentRangeError';
  }
}

const uint8ArrayTag = '[object Uint8Array]';

/** Whether a zero-length array is one because its memory was transferred away. */
function isDetached(p: Uint8Array): boolean {
  const buffer = p.buffer as ArrayBuffer & { detached?: boolean };
  if (buffer.detached !== undefined) return buffer.detached;
  if (buffer.byteLength !== 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** Throws unless `p` is a Uint8Array (of any realm) whose memory is there. */
export function checkBytes(p: Uint8Array, name = 'p'): void {
  if (!(p instanceof Uint8Array) && Object.prototype.toString.call(p) !== uint8ArrayTag) {
    throw new ArgumentTypeError(name, 'a Uint8Array', p);
  }
  if (p.length === 0 && isDetached(p)) {
    throw new ArgumentTypeError(name, 'a Uint8Array whose memory was not transferred away', p);
  }
}

/** Throws unless `value` is a whole number of at least `minimum`. */
export function checkCount(value: number, name: string, minimum = 0): void {
  if (typeof value !== 'number') throw new ArgumentTypeError(name, 'a number', value);
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new ArgumentRangeError(name, `a whole number of at least ${minimum}`, value);
  }
}

/** Throws unless `value` is a whole number; it may be negative. */
export function checkInteger(value: number, name: string): void {
  if (typeof value !== 'number') throw new ArgumentTypeError(name, 'a number', value);
  if (!Number.isSafeInteger(value)) throw new ArgumentRangeError(name, 'a whole number', value);
}

/** Throws unless `limit` is a whole number of at least 0, or Infinity. */
export function checkLimit(limit: number, name = 'limit'): void {
  if (limit !== Number.POSITIVE_INFINITY) checkCount(limit, name);
}

/** Throws unless `byte` is a whole number from 0 to 255. */
export function checkByte(byte: number, name = 'byte'): void {
  if (typeof byte !== 'number') throw new ArgumentTypeError(name, 'a number', byte);
  if (!(byte >= 0 && byte <= 255) || byte % 1 !== 0) {
    throw new ArgumentRangeError(name, 'a whole number from 0 to 255', byte);
  }
}

export function checkString(s: string, name = 's'): void {
  if (typeof s !== 'string') throw new ArgumentTypeError(name, 'a string', s);
}

function hasMethod(value: unknown, method: string): boolean {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as Record<string, unknown>)[method] === 'function'
  );
}

export function checkReader(r: unknown, name = 'r'): void {
  if (!hasMethod(r, 'read')) throw new ArgumentTypeError(name, 'a Reader (with a read method)', r);
}

export function checkWriter(w: unknown, name = 'w'): void {
  if (!hasMethod(w, 'write')) throw new ArgumentTypeError(name, 'a Writer (with a write method)', w);
}

/** Checks one function among the fast paths that are found by their name. */
export { hasMethod };
