import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty, ReadStream } from 'node:tty';
import { EBADF, errnoMessage, errnoName } from '../poll/errno.ts';
import { abortReason } from '../runtime/failures.ts';
import { checkSignal } from '../runtime/signal.ts';
import { aborted, ClosedError, type PathDetails, PathError, pathError } from './errors.ts';
import { Lock } from './lock.ts';
import { FileWait } from './waiting.ts';

/** A write is handed on in pieces, so that a failed one can tell how many went. */
const PIECE = 64 * 1024;

class EventWait extends FileWait<void> {
  override readonly waitReason = 'IO wait';
  readonly #waits: Set<EventWait>;

  constructor(waits: Set<EventWait>, op: string, path: string) {
    super(op, path);
    this.#waits = waits;
  }

  override withdraw(): boolean {
    return this.#waits.delete(this);
  }
}

class WriteWait extends FileWait<void> {
  override readonly waitReason = 'IO wait';

  override withdraw(): boolean {
    return false;
  }
}

/**
 * A pipe, FIFO, terminal or socket: the kernel says when there is something to read or room to write, so whoever
 * waits parks and holds no thread.
 */
export class DescriptorStream {
  readonly #path: string;
  readonly #stream: Socket;
  readonly #reading = new Lock();
  readonly #writing = new Lock();
  readonly #readers = new Set<EventWait>();
  /** Of the wrong end Node's stream says nothing, or something of its own. */
  readonly #readable: boolean;
  readonly #writable: boolean;
  #ended = false;
  #failure: Error | null = null;
  #closed = false;
  readonly #gone: Promise<void>;

  /** Takes the descriptor over. */
  constructor(fd: number, path: string, access: number) {
    this.#path = path;
    const readable = access !== constants.O_WRONLY;
    const writable = access !== constants.O_RDONLY;
    this.#readable = readable;
    this.#writable = writable;
    // Not a WriteStream: that would block on a terminal that somebody has stopped. This one can write, too.
    if (isatty(fd)) this.#stream = new ReadStream(fd, { allowHalfOpen: true });
    else this.#stream = new Socket({ fd, readable, writable, allowHalfOpen: true });
    // It keeps the process alive only while somebody waits.
    this.#stream.unref();
    const wake = () => this.#wakeReaders();
    const end = () => {
      this.#ended = true;
      wake();
    };
    // Who only writes to a terminal must not take what is typed there.
    if (readable) this.#stream.on('readable', wake).on('end', end);
    this.#stream.on('error', (error) => {
      this.#failure = error;
      wake();
    });
    this.#gone = new Promise((resolve) => {
      this.#stream.once('close', () => {
        end();
        resolve();
      });
    });
  }

  #wakeReaders(): void {
    for (const wait of this.#readers) {
      this.#readers.delete(wait);
      wait.succeed();
    }
  }

  async read(p: Uint8Array, signal: AbortSignal | undefined): Promise<number | null> {
    await this.#reading.take('read', this.#path, signal);
    try {
      for (;;) {
        const length = Math.min(p.length, this.#stream.readableLength);
        const bytes = length > 0 ? (this.#stream.read(length) as Buffer | null) : null;
        if (bytes !== null) {
          p.set(bytes);
          return bytes.length;
        }
        if (this.#closed) throw new ClosedError(this.#details('read'));
        if (this.#failure !== null) throw pathError(this.#failure, this.#details('read'));
        if (!this.#readable) throw wrongEnd(this.#details('read'));
        if (this.#ended) return null;
        await this.#event(signal);
      }
    } finally {
      this.#reading.give();
    }
  }

  async #event(signal: AbortSignal | undefined): Promise<void> {
    if (signal !== undefined) checkSignal(signal);
    const wait = new EventWait(this.#readers, 'read', this.#path);
    this.#readers.add(wait);
    const woken = wait.start(signal);
    this.#stream.ref();
    // Asks for more, should it have stopped reading.
    this.#stream.read(0);
    try {
      await woken;
    } finally {
      this.#stream.unref();
    }
  }

  async write(p: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    await this.#writing.take('write', this.#path, signal);
    let bytesWritten = 0;
    try {
      while (bytesWritten < p.length) {
        if (this.#closed) throw new ClosedError({ ...this.#details('write'), bytesWritten });
        if (signal?.aborted) throw aborted(abortReason(signal), { ...this.#details('write'), bytesWritten });
        if (!this.#writable) throw wrongEnd({ ...this.#details('write'), bytesWritten });
        const piece = p.subarray(bytesWritten, bytesWritten + PIECE);
        await this.#writePiece(piece, bytesWritten);
        bytesWritten += piece.length;
      }
      return bytesWritten;
    } finally {
      this.#writing.give();
    }
  }

  #writePiece(piece: Uint8Array, before: number): Promise<void> {
    const wait = new WriteWait('write', this.#path);
    const written = wait.start(undefined);
    this.#stream.write(piece, (error) => {
      const details = { ...this.#details('write'), bytesWritten: before };
      if (!error) wait.succeed();
      else if (this.#closed) wait.fail(new ClosedError(details));
      // After a failure the stream only says that it is destroyed.
      else wait.fail(pathError(this.#failure ?? error, details));
    });
    return written;
  }

  /** Ends all that waits. The descriptor is closed with it, unless it is `inherited`: then it stays open. */
  async close(inherited: boolean): Promise<void> {
    this.#closed = true;
    const errorFor = (op: string) => new ClosedError(this.#details(op));
    this.#reading.failAll(errorFor);
    this.#writing.failAll(errorFor);
    this.#wakeReaders();
    if (inherited) return;
    this.#stream.destroy();
    await this.#gone;
  }

  #details(op: string): PathDetails {
    return { op, path: this.#path };
  }
}

function wrongEnd(details: PathDetails): PathError {
  return new PathError(errnoName(EBADF), errnoMessage(EBADF), {
    ...details,
    errno: -EBADF,
    syscall: details.op,
  });
}

/**
 * Opens the pipe or terminal behind an inherited descriptor once more: what we set on the new one, such as not to
 * block, other processes do not get to feel. Null where the system does not let us.
 */
export function reopen(fd: number, access: number): number | null {
  if (process.platform !== 'linux') return null;
  try {
    return openSync(`/proc/self/fd/${fd}`, access | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket, somebody else's terminal, no /proc: the inherited one will have to do.
    return null;
  }
}
