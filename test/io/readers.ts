// Readers that behave as badly as their contract allows, some worse, and writers that do.
import type { Reader, Writer } from 'gopark/io';

export const bytes = (s: string): Uint8Array => new TextEncoder().encode(s);
export const text = (p: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(p);

export interface Script {
  /** How many bytes each read gives at most, in turn, over and over; 0 is a read of nothing. */
  sizes?: number[];
  /** What comes after the data instead of the end. */
  error?: unknown;
  /** Whether the error comes on every read from then on, or once and then the end. */
  errorOnce?: boolean;
  /** Settle in a later turn of the loop rather than at once. */
  late?: boolean;
}

/** Gives `data` in the pieces its script says, scribbles over all of `p`, counts its reads. */
export class ScriptedReader implements Reader {
  reads = 0;
  at = 0;
  failed = false;
  readonly data: Uint8Array;
  readonly script: Script;

  constructor(data: Uint8Array | string, script: Script = {}) {
    this.data = typeof data === 'string' ? bytes(data) : data;
    this.script = script;
  }

  async read(p: Uint8Array): Promise<number | null> {
    const { late } = this.script;
    if (late) await new Promise(setImmediate);
    return this.give(p);
  }

  give(p: Uint8Array): number | null {
    const { sizes = [Number.MAX_SAFE_INTEGER], error, errorOnce } = this.script;
    const size = sizes[this.reads++ % sizes.length]!;
    if (p.length === 0) return 0;
    p.fill(0xaa);
    if (this.at === this.data.length) {
      if (error === undefined || (errorOnce && this.failed)) return null;
      this.failed = true;
      throw error;
    }
    const n = Math.min(p.length, size, this.data.length - this.at);
    p.set(this.data.subarray(this.at, this.at + n));
    this.at += n;
    return n;
  }
}

/** The same, asked without waiting: what its script calls size 0 is "nothing now" here. */
export class ScriptedNonblocking extends ScriptedReader {
  waits = 0;
  /** Buffers that a caller holds while it waits would show up here as reads. */
  plainReads = 0;

  override async read(p: Uint8Array): Promise<number | null> {
    this.plainReads++;
    for (;;) {
      const n = this.tryRead(p);
      if (n !== undefined) return n;
      await this.waitReadable();
    }
  }

  tryRead(p: Uint8Array): number | null | undefined {
    const n = this.give(p);
    return n === 0 && p.length > 0 ? undefined : n;
  }

  async waitReadable(): Promise<void> {
    this.waits++;
    if (this.script.late) await new Promise(setImmediate);
  }
}

/** Keeps a copy of each write; from byte `failAt` on it fails with `error`. */
export class Recorder implements Writer {
  readonly writes: Uint8Array[] = [];
  failAt = Number.POSITIVE_INFINITY;
  error: unknown = new Error('recorder full');
  taken = 0;

  async write(p: Uint8Array): Promise<number> {
    const n = Math.min(p.length, Math.max(0, this.failAt - this.taken));
    this.writes.push(p.slice(0, n));
    this.taken += n;
    if (n < p.length) throw Object.assign(Object.create(this.error as object), { bytesWritten: n });
    return n;
  }

  get all(): Uint8Array {
    return Uint8Array.from(this.writes.flatMap((p) => [...p]));
  }

  get text(): string {
    return text(this.all);
  }
}

/** The error a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise was expected to reject');
}

/** Lets everything that is only waiting for other promises go on. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes the memory of an array away, as postMessage with a transfer list does. */
export function transferAway(p: Uint8Array): Uint8Array {
  structuredClone(p.buffer, { transfer: [p.buffer as ArrayBuffer] });
  return p;
}

/** An array whose memory was transferred away. */
export const detached = (): Uint8Array => transferAway(new Uint8Array(8));
