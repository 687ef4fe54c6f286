/** What an error says about itself, however odd the thing is that was thrown. */
function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

/**
 * The base of every error that I/O itself brings about: something ended too early, was closed, went over a limit.
 * `code` is stable and made to be compared. What a caller did wrong is an `ArgumentTypeError`,
 * `ArgumentRangeError` or `ConcurrentUseError` instead.
 *
 * @example
 * ```ts
 * import { IOError, readAll } from 'gopark/io';
 * import { StringReader } from 'gopark/bytes';
 *
 * try {
 *   await readAll(new StringReader('too much'), { limit: 3 });
 * } catch (error) {
 *   if (error instanceof IOError && error.code === 'ERR_LIMIT_EXCEEDED') console.error(error.message);
 * }
 * ```
 */
export class IOError extends Error {
  /** A name for programs: `ERR_` and capitals, the same in every release. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  /** Whether a deadline was the reason, here or in a cause further down. */
  get timeout(): boolean {
    return (this.cause as { timeout?: unknown } | null | undefined)?.timeout === true;
  }
}

/**
 * The stream ended in the middle of something of a known size. Go: `io.ErrUnexpectedEOF`, and the `io.EOF` of a
 * `CopyN` that came up short.
 *
 * @example
 * ```ts
 * import { readFull, UnexpectedEOFError } from 'gopark/io';
 * import { StringReader } from 'gopark/bytes';
 *
 * const header = new Uint8Array(8);
 * await readFull(new StringReader('only5'), header).catch((error) => {
 *   if (error instanceof UnexpectedEOFError) console.log(header.subarray(0, error.bytesRead));
 * });
 * ```
 */
export class UnexpectedEOFError extends IOError {
  /** How many bytes came before the end; `readFull` and `readAtLeast` left them at the start of `p`. */
  readonly bytesRead: number;
  /** The same count: what `copyN` had passed on. */
  readonly bytesCopied: number;

  /** Without arguments for a parser of yours, that knows no count. */
  constructor(bytesRead = 0, expected?: number) {
    const where = expected === undefined ? 'in the middle' : `after ${bytesRead} of ${expected} bytes`;
    super('ERR_UNEXPECTED_EOF', `the stream ended ${where}`);
    this.bytesRead = bytesRead;
    this.bytesCopied = bytesRead;
  }
}

/**
 * A writer resolved a smaller count than it was given and named no error. Go: `io.ErrShortWrite`.
 *
 * @example
 * ```ts
 * import { ShortWriteError, writeString } from 'gopark/io';
 *
 * const broken = { write: async (p: Uint8Array) => p.length - 1 };
 * await writeString(broken, 'abc').catch((error) => console.log(error instanceof ShortWriteError));
 * ```
 */
export class ShortWriteError extends IOError {
  readonly bytesWritten: number;

  constructor(bytesWritten: number, expected: number) {
    super('ERR_SHORT_WRITE', `the writer took ${bytesWritten} of ${expected} bytes and gave no error`);
    this.bytesWritten = bytesWritten;
  }
}

/**
 * The buffer cannot hold the least that was asked for; nothing was read. Go: `io.ErrShortBuffer`.
 *
 * @example
 * ```ts
 * import { readAtLeast, ShortBufferError } from 'gopark/io';
 * import { StringReader } from 'gopark/bytes';
 *
 * await readAtLeast(new StringReader('abc'), new Uint8Array(2), 3).catch((error) => {
 *   console.log(error instanceof ShortBufferError);
 * });
 * ```
 */
export class ShortBufferError extends IOError {
  readonly bytesRead = 0;

  constructor(length: number, minimum: number) {
    super('ERR_SHORT_BUFFER', `a buffer of ${length} bytes cannot hold the ${minimum} that were asked for`);
  }
}

/**
 * A reader resolved `0` a hundred times in a row, or a split function kept giving empty tokens without moving on.
 * Go: `io.ErrNoProgress`.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bufio';
 * import { NoProgressError } from 'gopark/io';
 *
 * const stuck = { read: async () => 0 };
 * await new Reader(stuck).readByte().catch((error) => console.log(error instanceof NoProgressError));
 * ```
 */
export class NoProgressError extends IOError {
  constructor(message = 'the reader gave 0 bytes a hundred times in a row') {
    super('ERR_NO_PROGRESS', message);
  }
}

/**
 * Use of a pipe end that was closed, or a write to a pipe whose reader went away. Go: `io.ErrClosedPipe`.
 *
 * @example
 * ```ts
 * import { ClosedPipeError, pipe, writeString } from 'gopark/io';
 *
 * const [reader, writer] = pipe();
 * await reader.close();
 * await writeString(writer, 'hello').catch((error) => console.log(error instanceof ClosedPipeError));
 * ```
 */
export class ClosedPipeError extends IOError {
  readonly bytesWritten: number;

  constructor(bytesWritten = 0, what = 'pipe') {
    super('ERR_CLOSED_PIPE', `the ${what} is closed`);
    this.bytesWritten = bytesWritten;
  }
}

/**
 * More bytes came than the `limit` the caller set. `partial` holds everything that was taken from the source.
 *
 * @example
 * ```ts
 * import { LimitExceededError, readAll } from 'gopark/io';
 * import { StringReader } from 'gopark/bytes';
 *
 * await readAll(new StringReader('0123456789'), { limit: 4 }).catch((error) => {
 *   if (error instanceof LimitExceededError) console.log(`${error.partial.length} bytes, limit ${error.limit}`);
 * });
 * ```
 */
export class LimitExceededError extends IOError {
  readonly limit: number;
  readonly partial: Uint8Array;
  readonly bytesRead: number;

  constructor(limit: number, partial: Uint8Array) {
    super('ERR_LIMIT_EXCEEDED', `more than the ${limit} bytes allowed`);
    this.limit = limit;
    this.partial = partial;
    this.bytesRead = partial.length;
  }
}

/**
 * A helper that reads failed on its source. `cause` is the source's own error, untouched: look into it with
 * `findCause`.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bufio';
 * import { ReadError } from 'gopark/io';
 *
 * const broken = { read: () => Promise.reject(new Error('cable cut')) };
 * await new Reader(broken).readBytes('\n').catch((error) => {
 *   if (error instanceof ReadError) console.log(error.cause, error.partial);
 * });
 * ```
 */
export class ReadError extends IOError {
  /** How many bytes were taken from the source before it failed. */
  readonly bytesRead: number;
  /** Those bytes, the caller's to keep; empty where they are in the caller's own `p` or nowhere (`discard`). */
  readonly partial: Uint8Array;

  constructor(cause: unknown, bytesRead: number, partial: Uint8Array = new Uint8Array(0)) {
    super('ERR_READ', `reading failed after ${bytesRead} bytes: ${describe(cause)}`, { cause });
    this.bytesRead = bytesRead;
    this.partial = partial;
  }
}

/**
 * A helper that writes failed on its destination. `cause` is the destination's own error, untouched.
 *
 * @example
 * ```ts
 * import { multiWriter, WriteError, writeString } from 'gopark/io';
 *
 * const broken = { write: () => Promise.reject(new Error('disk full')) };
 * await writeString(multiWriter(broken), 'abc').catch((error) => {
 *   if (error instanceof WriteError) console.log(error.bytesWritten, error.cause);
 * });
 * ```
 */
export class WriteError extends IOError {
  /** How many bytes of this call's data the destination took. */
  readonly bytesWritten: number;

  constructor(cause: unknown, bytesWritten: number) {
    super('ERR_WRITE', `writing failed after ${bytesWritten} bytes: ${describe(cause)}`, { cause });
    this.bytesWritten = bytesWritten;
  }
}

/**
 * A copy stopped before the source's end. `cause` is the error of the side that failed, untouched.
 *
 * @example
 * ```ts
 * import { CopyError, copy, discard } from 'gopark/io';
 *
 * const broken = { read: () => Promise.reject(new Error('cable cut')) };
 * await copy({ write: (p) => discard.write(p) }, broken).catch((error) => {
 *   if (error instanceof CopyError) console.log(error.side, error.bytesCopied, error.cause);
 * });
 * ```
 */
export class CopyError extends IOError {
  /** How many bytes the destination took. */
  readonly bytesCopied: number;
  /** Which side failed; `unknown` when a fast path did the copying and did not say. */
  readonly side: 'read' | 'write' | 'unknown';

  constructor(cause: unknown, bytesCopied: number, side: 'read' | 'write' | 'unknown') {
    super('ERR_COPY', `copying failed after ${bytesCopied} bytes: ${describe(cause)}`, { cause });
    this.bytesCopied = bytesCopied;
    this.side = side;
  }
}

/**
 * A reader resolved a count that cannot be: negative, fractional or larger than the buffer it was given. It is the
 * reader's bug. Go: `bufio.ErrBadReadCount`, and the panics of `bufio.Reader` and `bytes.Buffer`.
 *
 * @example
 * ```ts
 * import { BadReadCountError, readAll } from 'gopark/io';
 *
 * const broken = { read: async (p: Uint8Array) => p.length + 1 };
 * await readAll(broken).catch((error) => console.log(error.cause instanceof BadReadCountError));
 * ```
 */
export class BadReadCountError extends IOError {
  constructor(count: unknown, length: number) {
    super('ERR_BAD_READ_COUNT', `the reader gave the count ${String(count)} for a buffer of ${length} bytes`);
  }
}

/**
 * A writer resolved a count that cannot be: negative, fractional or larger than what it was given. It is the
 * writer's bug; nothing is known about what it took, so `bytesWritten` is 0.
 *
 * @example
 * ```ts
 * import { BadWriteCountError, writeString } from 'gopark/io';
 *
 * const broken = { write: async (p: Uint8Array) => p.length + 1 };
 * await writeString(broken, 'abc').catch((error) => console.log(error instanceof BadWriteCountError));
 * ```
 */
export class BadWriteCountError extends IOError {
  readonly bytesWritten = 0;

  constructor(count: unknown, length: number) {
    super('ERR_BAD_WRITE_COUNT', `the writer gave the count ${String(count)} for ${length} bytes`);
  }
}

/**
 * Two calls at once on something that serves one caller at a time, such as two reads on one `bufio.Reader`. It is
 * the program's bug and would be a data race in Go; the call that finds it changes nothing.
 *
 * @example
 * ```ts
 * import { Reader } from 'gopark/bufio';
 * import { ConcurrentUseError, pipe } from 'gopark/io';
 *
 * const reader = new Reader(pipe()[0]);
 * void reader.readLine();
 * await reader.readLine().catch((error) => console.log(error instanceof ConcurrentUseError));
 * ```
 */
export class ConcurrentUseError extends Error {
  readonly code = 'ERR_CONCURRENT_USE';

  constructor(what: string) {
    super(`${what} is in use by a call that has not settled yet`);
    this.name = 'ConcurrentUseError';
  }
}

/**
 * Looks for an error of the given class: the error itself, else its `cause`, and so on. Go: `errors.As`.
 *
 * @example
 * ```ts
 * import { ClosedPipeError, copy, discard, findCause, pipe } from 'gopark/io';
 *
 * const [reader] = pipe();
 * await reader.close();
 * await copy(discard, reader).catch((error) => {
 *   if (findCause(error, ClosedPipeError)) console.log('closed under us');
 * });
 * ```
 */
export function findCause<T>(error: unknown, type: abstract new (...args: never[]) => T): T | undefined {
  const seen = new Set<unknown>();
  for (let current = error; typeof current === 'object' && current !== null; ) {
    if (current instanceof type) return current;
    // A cause that leads back to itself must not hold us forever.
    if (seen.has(current)) return undefined;
    seen.add(current);
    current = (current as { cause?: unknown }).cause;
  }
  return undefined;
}
