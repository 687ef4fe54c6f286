import { ArgumentTypeError, checkBytes } from './arguments.ts';
import type { ReadCloser, WriteCloser } from './contracts/combinations.ts';
import { ClosedPipeError, WriteError } from './errors.ts';
import { resolvedCount, resolvedNull, resolvedVoid } from './resolved.ts';

interface WaitingRead {
  p: Uint8Array;
  resolve(n: number | null): void;
  reject(error: unknown): void;
}

interface WaitingWrite {
  p: Uint8Array;
  length: number;
  taken: number;
  resolve(n: number): void;
  reject(error: unknown): void;
}

/** How one end was closed: with an error, or (cause undefined) without. */
interface Closing {
  cause: unknown;
}

function transferredAway(p: Uint8Array): ArgumentTypeError {
  return new ArgumentTypeError('p', 'a Uint8Array whose memory stays until the call settles', p);
}

/** What both ends share. Whole writes are served in their order, so their bytes never mix. */
class Meeting {
  readonly reads: WaitingRead[] = [];
  readonly writes: WaitingWrite[] = [];
  readerClosed: Closing | null = null;
  writerClosed: Closing | null = null;

  get closed(): boolean {
    return this.readerClosed !== null || this.writerClosed !== null;
  }

  /** Brings the first read and the first write together, until one side has none left. */
  match(): void {
    while (this.reads.length > 0 && this.writes.length > 0) {
      const read = this.reads[0]!;
      const write = this.writes[0]!;
      if (read.p.length === 0) {
        // Nobody waits with an empty p: its memory went away in the meantime.
        this.reads.shift();
        read.reject(transferredAway(read.p));
        continue;
      }
      if (write.p.length !== write.length) {
        this.writes.shift();
        write.reject(new WriteError(transferredAway(write.p), write.taken));
        continue;
      }
      const n = Math.min(read.p.length, write.length - write.taken);
      if (n > 0) {
        read.p.set(write.p.subarray(write.taken, write.taken + n));
        write.taken += n;
        this.reads.shift();
        read.resolve(n);
      }
      // An empty write has met its reader here; that one goes on waiting for bytes.
      if (write.taken === write.length) {
        this.writes.shift();
        write.resolve(write.length);
      }
    }
  }

  /** What a reader is told once an end is closed. */
  endRead(waiting: WaitingRead): void {
    const cause = this.writerClosed?.cause;
    if (this.readerClosed !== null) waiting.reject(new ClosedPipeError());
    else if (cause === undefined) waiting.resolve(null);
    else waiting.reject(cause);
  }

  /** What a writer is told once an end is closed. */
  endWrite(waiting: WaitingWrite): void {
    const cause = this.readerClosed?.cause;
    if (this.writerClosed !== null || cause === undefined) waiting.reject(new ClosedPipeError(waiting.taken));
    else waiting.reject(new WriteError(cause, waiting.taken));
  }

  wakeAll(): void {
    for (const waiting of this.reads.splice(0)) this.endRead(waiting);
    for (const waiting of this.writes.splice(0)) this.endWrite(waiting);
  }
}

/**
 * The reading end of a `pipe`. Any number of reads may wait; they are served in order. A read of an empty `p`
 * resolves 0 at once. `await using` closes it.
 *
 * @example
 * ```ts
 * import { pipe, type PipeReader, readAll } from 'gopark/io';
 *
 * async function consume(reader: PipeReader): Promise<void> {
 *   await using source = reader;
 *   console.log((await readAll(source)).length);
 * }
 * const [reader, writer] = pipe();
 * await Promise.all([consume(reader), writer.close()]);
 * ```
 */
export class PipeReader implements ReadCloser, AsyncDisposable {
  readonly #meeting: Meeting;

  /** Made by `pipe`. */
  constructor(meeting: Meeting) {
    this.#meeting = meeting;
  }

  /**
   * Waits for a writer and takes from its bytes. `null` once the writer closed, its error if it closed with one,
   * `ClosedPipeError` when this end is closed.
   */
  read(p: Uint8Array): Promise<number | null> {
    const meeting = this.#meeting;
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    if (!meeting.closed && p.length === 0) return resolvedCount(0);
    if (meeting.readerClosed === null && meeting.writerClosed?.cause === undefined && meeting.closed) {
      return resolvedNull;
    }
    return new Promise((resolve, reject) => {
      const waiting = { p, resolve, reject };
      if (meeting.closed) {
        meeting.endRead(waiting);
        return;
      }
      meeting.reads.push(waiting);
      meeting.match();
    });
  }

  /** Closes this end: writers get `ClosedPipeError`. Never fails; a second close changes nothing. */
  close(): Promise<void> {
    this.closeWithError(undefined);
    return resolvedVoid;
  }

  /** Closes this end so that writes reject with a `WriteError` whose `cause` is `error`. The first close counts. */
  closeWithError(error: unknown): void {
    this.#meeting.readerClosed ??= { cause: error };
    this.#meeting.wakeAll();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * The writing end of a `pipe`. Any number of writes may wait; each is served whole before the next. `await using`
 * closes it.
 *
 * @example
 * ```ts
 * import { pipe, type PipeWriter, readAll, writeString } from 'gopark/io';
 *
 * async function produce(writer: PipeWriter): Promise<void> {
 *   await using target = writer;
 *   await writeString(target, 'hello');
 * }
 * const [reader, writer] = pipe();
 * await Promise.all([produce(writer), readAll(reader)]);
 * ```
 */
export class PipeWriter implements WriteCloser, AsyncDisposable {
  readonly #meeting: Meeting;

  /** Made by `pipe`. */
  constructor(meeting: Meeting) {
    this.#meeting = meeting;
  }

  /**
   * Resolves when readers have taken all of `p`; an empty `p` resolves when it met one reader, which goes on waiting.
   * Rejects with `ClosedPipeError`, or with `WriteError` where the reader closed with an error; `bytesWritten`
   * counts what was taken. `p` is copied straight into the readers' arrays and must not change until then.
   */
  write(p: Uint8Array): Promise<number> {
    const meeting = this.#meeting;
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const waiting = { p, length: p.length, taken: 0, resolve, reject };
      if (meeting.closed) {
        meeting.endWrite(waiting);
        return;
      }
      meeting.writes.push(waiting);
      meeting.match();
    });
  }

  /** Closes this end: readers get `null`. Never fails; a second close changes nothing. */
  close(): Promise<void> {
    this.closeWithError(undefined);
    return resolvedVoid;
  }

  /** Closes this end so that reads reject with `error`. The first close counts. */
  closeWithError(error: unknown): void {
    this.#meeting.writerClosed ??= { cause: error };
    this.#meeting.wakeAll();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A synchronous pipe in memory, without a buffer: each write waits until reads have taken its bytes. Connects code
 * that writes with code that reads. Go: `io.Pipe`; the one difference is that an empty write is not shown to the
 * reader, because `0` bytes mean nothing here.
 *
 * @example
 * ```ts
 * import { pipe, readAll, writeString } from 'gopark/io';
 *
 * const [reader, writer] = pipe();
 * const all = readAll(reader);
 * await writeString(writer, 'through the pipe');
 * await writer.close();
 * console.log((await all).length); // 16
 * ```
 */
export function pipe(): [PipeReader, PipeWriter] {
  const meeting = new Meeting();
  return [new PipeReader(meeting), new PipeWriter(meeting)];
}
