import { CopyError, type LimitedReader } from '../io/index.ts';
import { EAGAIN, EINVAL, ENOTSUP, errnoMessage, errnoName } from '../poll/errno.ts';
import { type FD, type PieceOutcome, type PieceSource, TransferWaiter } from '../poll/index.ts';
import type { Side } from './copy-range.ts';
import { PathError } from './errors.ts';
import { threadLane } from './lanes.ts';
import type { PoolUser, Work } from './pool.ts';

/** What says that this file cannot be sent, or not now: then it is read and written, which tells what is wrong. */
const CANNOT: ReadonlySet<string> = new Set([
  errnoName(EINVAL),
  errnoName(ENOTSUP),
  'EOPNOTSUPP',
  'ENOSYS',
  'EPERM',
  'EBADF',
  'ESPIPE',
  'EOVERFLOW',
  'EMFILE',
  'ENOMEM',
]);
/** Failures of the file's side. All others are the connection's. */
const OF_THE_FILE: ReadonlySet<string> = new Set(['EIO', 'ESTALE', 'EISDIR', 'ENXIO', 'EACCES', 'ECANCELED']);

/** What went this way on this thread. */
export const sendFileCounts: { pieces: number; bytes: number } = { pieces: 0, bytes: 0 };

/** The rest of a file on its way to a connection, in the kernel; moves the file's position by what went. */
export class FileTransfer implements PieceSource {
  readonly #fd: FD;
  readonly #from: Side;
  readonly #limited: LimitedReader | null;
  readonly #waiter = new TransferWaiter(this);
  readonly #withdrawn = new AbortController();
  #sent = 0;
  #cannot = false;

  constructor(fd: FD, from: Side, limited: LimitedReader | null) {
    this.#fd = fd;
    this.#from = from;
    this.#limited = limited;
  }

  /** Bytes that went. */
  get sent(): number {
    return this.#sent;
  }

  /** Whether the end was reached. False: the rest is to be read and written. */
  async run(): Promise<boolean> {
    const { driver } = this.#fd.poller;
    if (!driver.capabilities.has('sendFile') || this.left <= 0) return false;
    try {
      await this.#fd.transfer(this.#waiter);
    } catch (error) {
      throw new CopyError(error, this.#sent, error instanceof PathError ? 'read' : 'write');
    }
    // A file that seems to be empty is perhaps one whose length the system does not know.
    return !this.#cannot && this.#sent > 0;
  }

  /** The file is being closed. */
  stop(error: unknown): void {
    this.#waiter.stop(this.#fd, error);
  }

  private get left(): number {
    return this.#limited?.remaining ?? Number.POSITIVE_INFINITY;
  }

  begin(slot: number, done: (count: number, outcome: PieceOutcome) => void): void {
    const from = this.#from;
    const length = Math.min(threadLane.engine.largestPiece, this.left);
    let user: PoolUser;
    try {
      user = from.begin();
    } catch (error) {
      queueMicrotask(() => done(0, { error }));
      return;
    }
    const { driver } = this.#fd.poller;
    const work: Work<Sent> = (callback) => {
      const returned = (count: number, errno: number) => callback(null, { count, errno });
      const begun = driver.sendFile!(slot, from.fd, from.position, length, returned);
      if (begun < 0) returned(0, -begun);
    };
    const { signal } = this.#withdrawn;
    threadLane.pool.run<Sent>('sendFile', from.path, work, { user, signal }).then(
      ({ count, errno }) => done(count, this.outcome(count, length, errno)),
      (error) => done(0, { error }),
    );
  }

  withdraw(): void {
    this.#withdrawn.abort();
  }

  private outcome(count: number, length: number, errno: number): PieceOutcome {
    sendFileCounts.pieces++;
    sendFileCounts.bytes += count;
    this.#sent += count;
    this.#from.position += count;
    if (this.#limited !== null) this.#limited.remaining -= count;
    if (errno === 0) return count < length || this.left <= 0 ? 'over' : 'more';
    if (errno === EAGAIN) return 'blocked';
    const code = errnoName(errno);
    if (CANNOT.has(code)) {
      this.#cannot = true;
      return 'over';
    }
    if (!OF_THE_FILE.has(code)) return { errno };
    const details = { op: 'read', path: this.#from.path, errno: -errno, syscall: 'sendfile' };
    return { error: new PathError(code, errnoMessage(errno), details) };
  }
}

interface Sent {
  readonly count: number;
  readonly errno: number;
}
