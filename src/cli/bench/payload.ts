import { readFileSync } from 'node:fs';
import { UsageError } from '../gateway/usage.ts';

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' };
const LARGEST = 64 * 2 ** 20;

/** Text with \r \n \t \0 \\ and \xHH, everything else as UTF-8. @throws UsageError */
export function parseEscapes(option: string, text: string): Uint8Array {
  const pieces: Buffer[] = [];
  let end = 0;
  for (const found of text.matchAll(/\\(?:x([0-9a-fA-F]{2})|(.?))/gs)) {
    const [whole, hex, letter] = found;
    const plain = letter === undefined ? undefined : ESCAPES[letter];
    if (hex === undefined && plain === undefined) {
      throw new UsageError(`--${option}: ${whole} is none of \\r \\n \\t \\0 \\\\ \\xHH`);
    }
    pieces.push(Buffer.from(text.slice(end, found.index)));
    pieces.push(hex === undefined ? Buffer.from(plain!) : Buffer.from(hex, 'hex'));
    end = found.index + whole.length;
  }
  pieces.push(Buffer.from(text.slice(end)));
  return Buffer.concat(pieces);
}

/** `size` bytes without a short period, which would hide a shift: the high byte of a product. */
function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Math.imul(i, 2654435761) >>> 24);
}

function ofFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`--file: ${(error as Error).message}`);
  }
}

function ofHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  if (!/^([0-9a-fA-F]{2})+$/.test(digits)) {
    throw new UsageError(`--hex: expected pairs of hexadecimal digits, got ${JSON.stringify(text)}`);
  }
  return Buffer.from(digits, 'hex');
}

/** Where a message comes from: one of these. */
export interface PayloadSource {
  readonly size?: number | undefined;
  readonly text?: string | undefined;
  readonly hex?: string | undefined;
  readonly file?: string | undefined;
}

const SIZE = 64;

/** The bytes of one message. @throws UsageError */
export function payloadOf({ size, text, hex, file }: PayloadSource): Uint8Array {
  const given = [size, text, hex, file].filter((source) => source !== undefined);
  if (given.length > 1) throw new UsageError('bench: --size, --text, --hex, --file, --http: one of them');
  const payload =
    text !== undefined
      ? parseEscapes('text', text)
      : hex !== undefined
        ? ofHex(hex)
        : file !== undefined
          ? ofFile(file)
          : pattern(Math.min(size ?? SIZE, LARGEST + 1));
  if (payload.length === 0) throw new UsageError('bench: an empty message has no answer');
  if (payload.length > LARGEST) throw new UsageError(`bench: a message has at most ${LARGEST} bytes`);
  return payload;
}

/** The message again and again: at least `length` bytes from any place in the first one. */
export function repeated(payload: Uint8Array, length: number): Uint8Array {
  const times = Math.ceil(length / payload.length) + 1;
  const stream = new Uint8Array(times * payload.length);
  for (let i = 0; i < times; i++) stream.set(payload, i * payload.length);
  return stream;
}
