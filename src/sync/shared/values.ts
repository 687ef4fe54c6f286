import { deserialize, serialize } from 'node:v8';
import { NotCloneableError } from './errors.ts';

/** Kinds of values. What needs no serializer does without. */
const CLONED = 0;
const BYTES = 1;
const TEXT = 2;
const NUMBER = 3;
const ENCODED = 4;
/** Only an index travels: see shared-blocks.ts. */
export const BLOCK = 5;

/**
 * Turns values of one type into bytes and back, shorter and faster than a structured clone.
 *
 * @example
 * ```ts
 * import type { Codec } from 'gopark/sync';
 *
 * interface Tick { readonly symbol: number; readonly price: number }
 * const ticks: Codec<Tick> = {
 *   encode: ({ symbol, price }) => new Uint8Array(Float64Array.of(symbol, price).buffer),
 *   decode: (bytes) => {
 *     const view = new DataView(bytes.buffer, bytes.byteOffset);
 *     return { symbol: view.getFloat64(0, true), price: view.getFloat64(8, true) };
 *   },
 * };
 * ```
 */
export interface Codec<T> {
  /** The bytes are copied before `encode` is called again. */
  encode(value: T): Uint8Array;
  /** `bytes` is valid only inside the call: copy what is to be kept. */
  decode(bytes: Uint8Array): T;
}

/** What `encode` made: valid until it is called again. */
export interface Encoded {
  kind: number;
  bytes: Uint8Array;
}

const encoded: Encoded = { kind: 0, bytes: new Uint8Array() };
const number = new Float64Array(1);
const numberBytes = new Uint8Array(number.buffer);
const encoder = new TextEncoder();
let text = new Uint8Array(4096);

function encodeText(value: string): Uint8Array {
  // No character takes more than three bytes.
  if (value.length * 3 > text.length) text = new Uint8Array(value.length * 3);
  return text.subarray(0, encoder.encodeInto(value, text).written);
}

function cloned(value: unknown): Uint8Array {
  try {
    return serialize(value);
  } catch (error) {
    throw new NotCloneableError(error);
  }
}

/** @throws NotCloneableError for what no structured clone can be made of. */
export function encode<T>(value: T, codec: Codec<T> | null): Encoded {
  if (codec !== null) {
    encoded.kind = ENCODED;
    encoded.bytes = codec.encode(value);
  } else if (typeof value === 'number') {
    encoded.kind = NUMBER;
    number[0] = value;
    encoded.bytes = numberBytes;
  } else if (typeof value === 'string' && value.isWellFormed()) {
    encoded.kind = TEXT;
    encoded.bytes = encodeText(value);
  } else if (value instanceof Uint8Array && Object.getPrototypeOf(value) === Uint8Array.prototype) {
    encoded.kind = BYTES;
    encoded.bytes = value;
  } else {
    encoded.kind = CLONED;
    encoded.bytes = cloned(value);
  }
  return encoded;
}

/** The value of `memory[0, length)`, which is used inside the call only. */
export function decode(
  kind: number,
  memory: Uint8Array,
  length: number,
  codec: Codec<unknown> | null,
): unknown {
  switch (kind) {
    case BYTES:
      return memory.slice(0, length);
    case TEXT:
      return Buffer.from(memory.buffer, memory.byteOffset, length).toString('utf8');
    case NUMBER:
      numberBytes.set(memory.subarray(0, 8));
      return number[0];
    case ENCODED:
      if (codec === null) throw new TypeError('the sender of this value has a codec, this side has none');
      return codec.decode(memory.subarray(0, length));
    default:
      // Arrays of bytes in the value become views of what is deserialized.
      return deserialize(memory.slice(0, length));
  }
}
