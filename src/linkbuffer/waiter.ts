import type { Parked } from '../runtime/park.ts';
import { Wait } from '../runtime/waits.ts';
import type { LinkWaiting } from './waiting.ts';

export const NEXT = 0;
export const PEEK = 1;
export const SKIP = 2;
export const UNTIL = 3;
export const READ_STRING = 4;
export const READ_BINARY = 5;
export const READ_BYTE = 6;
export const SLICE = 7;
export const READ = 8;
export const READABLE = 9;

/** What a parked call of a LinkBuffer's reading side called. */
export type Operation =
  | typeof NEXT
  | typeof PEEK
  | typeof SKIP
  | typeof UNTIL
  | typeof READ_STRING
  | typeof READ_BINARY
  | typeof READ_BYTE
  | typeof SLICE
  | typeof READ
  | typeof READABLE;

const names = [
  'next',
  'peek',
  'skip',
  'until',
  'readString',
  'readBinary',
  'readByte',
  'slice',
  'read',
  'wait',
];

/** One call of a LinkBuffer's reading side that waits. */
export class LinkWaiter extends Wait implements Parked<unknown> {
  resolve!: (value: unknown) => void;
  reject!: (reason: unknown) => void;
  readonly waitReason = 'IO wait';
  readonly buffer: LinkWaiting;
  readonly operation: Operation;
  /** How many bytes it asks for; for `skip`, how many are still to come; for `until`, its limit. */
  n: number;
  /** Of `until`. */
  readonly delimiter: number;
  /** Of `read`. */
  readonly p: Uint8Array | null;
  /** Of `skip`: how many bytes it has passed over. */
  skipped = 0;

  constructor(
    buffer: LinkWaiting,
    operation: Operation,
    n: number,
    delimiter = 0,
    p: Uint8Array | null = null,
  ) {
    super();
    this.buffer = buffer;
    this.operation = operation;
    this.n = n;
    this.delimiter = delimiter;
    this.p = p;
  }

  get waitOperation(): string {
    return names[this.operation]!;
  }

  get resource(): object {
    const { owner } = this.buffer;
    return owner?.resource ?? owner ?? this.buffer;
  }

  override describeWait(): string {
    const what = `${names[this.operation]}, ${this.buffer.len} of ${this.buffer.needed} bytes`;
    return this.buffer.owner?.describeWait?.(what) ?? `link buffer: ${what}`;
  }
}
