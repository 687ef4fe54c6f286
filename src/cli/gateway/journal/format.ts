import { crc32 } from 'node:zlib';

/**
 * A journal is the eight bytes of MAGIC, then records, one behind the other: the length of the payload and its
 * CRC-32, which begins with the length, as 32 bits each, little-endian; then the payload. That is text: first
 * `begin SEQ MS`, the least number that an order in this file can have; then, for each order,
 * `SEQ MS ID SIDE SYMBOL QUANTITY PRICE`. SEQ grows; MS are milliseconds since the epoch.
 */
export const MAGIC: Uint8Array = Buffer.from('GOPARKJ1', 'latin1');
const HEAD = 8;
/** No order has a longer one: whatever says so is damaged. */
const LONGEST_PAYLOAD = 256;
export const LONGEST_RECORD: number = HEAD + LONGEST_PAYLOAD;

const scratch = Buffer.alloc(LONGEST_RECORD);
/** Views of it, by the length of the payload: a record and the part that its checksum covers, made once each. */
const views: { readonly record: Uint8Array; readonly payload: Uint8Array }[] = [];
for (let length = 0; length <= LONGEST_PAYLOAD; length++) {
  const end = HEAD + length;
  views.push({ record: scratch.subarray(0, end), payload: scratch.subarray(HEAD, end) });
}

function encode(payload: string): Uint8Array {
  const length = scratch.write(payload, HEAD, LONGEST_PAYLOAD, 'latin1');
  if (length !== payload.length) throw new Error(`a journal record of ${payload.length} bytes`);
  const { record, payload: covered } = views[length]!;
  scratch.writeUInt32LE(length, 0);
  scratch.writeUInt32LE(crc32(covered, length), 4);
  return record;
}

/** An order's record; good until the next one is encoded. */
export function orderRecord(sequence: number, order: string): Uint8Array {
  return encode(`${sequence} ${Date.now()} ${order}`);
}

/** What a new file begins with. */
export function fileHeader(sequence: number): Uint8Array {
  return Buffer.concat([MAGIC, encode(`begin ${sequence} ${Date.now()}`)]);
}

/** The number in a payload, and whether it is a file's first record; null: neither. */
export function sequenceOf(payload: string): { begins: boolean; sequence: number } | null {
  const match = /^(begin )?(\d{1,16}) \d+(?: |$)/.exec(payload);
  return match === null ? null : { begins: match[1] !== undefined, sequence: Number(match[2]) };
}

/** The payload of the record at `at` and where it ends; 'incomplete': the bytes end before it does. */
export function decodeRecord(
  bytes: Buffer,
  at: number,
): { payload: string; end: number } | 'incomplete' | 'damaged' {
  if (bytes.length - at < HEAD) return 'incomplete';
  const length = bytes.readUInt32LE(at);
  if (length === 0 || length > LONGEST_PAYLOAD) return 'damaged';
  const end = at + HEAD + length;
  if (end > bytes.length) return 'incomplete';
  const payload = bytes.subarray(at + HEAD, end);
  if (crc32(payload, length) !== bytes.readUInt32LE(at + 4)) return 'damaged';
  return { payload: payload.toString('latin1'), end };
}
