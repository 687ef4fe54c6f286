import { IOError } from '../io/index.ts';
import { errnoMessage } from '../poll/errno.ts';

/** What a PathError knows beside its reason. */
export interface PathDetails {
  op: string;
  path: string;
  errno?: number | undefined;
  syscall?: string | undefined;
  cause?: unknown;
  bytesRead?: number | undefined;
  bytesWritten?: number | undefined;
}

/**
 * A failed operation on a file. Go: `fs.PathError`.
 *
 * `code` is the system's name of the error (`ENOENT`, `EISDIR`, `ENOSPC`) or one of ours (`ERR_CLOSED`,
 * `ERR_ABORTED`, `ERR_APPEND_MODE`).
 *
 * @example
 * ```ts
 * import { open, PathError } from 'gopark/os';
 *
 * await open('/no/such/file').catch((error) => {
 *   if (error instanceof PathError) console.log(error.op, error.path, error.code); // open /no/such/file ENOENT
 * });
 * ```
 */
export class PathError extends IOError {
  /** The operation: 'open', 'read', 'write', 'sync', ... */
  readonly op: string;
  /** The path as it was given to `open`. */
  readonly path: string;
  /** The system's number, negative as in Node's own errors. */
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
  /** Of a failed `readAt`: how many bytes of `p` are filled all the same. */
  readonly bytesRead: number | undefined;
  /** Of a failed write: how many bytes the kernel has taken. */
  readonly bytesWritten: number | undefined;

  constructor(code: string, reason: string, details: PathDetails) {
    super(
      code,
      `${details.op} ${details.path}: ${reason}`,
      'cause' in details ? { cause: details.cause } : {},
    );
    this.op = details.op;
    this.path = details.path;
    this.errno = details.errno;
    this.syscall = details.syscall;
    this.bytesRead = details.bytesRead;
    this.bytesWritten = details.bytesWritten;
  }
}

/**
 * The file was closed by this side, before the call or while it waited. Go: `os.ErrClosed`.
 *
 * @example
 * ```ts
 * import { ClosedError, open } from 'gopark/os';
 *
 * const file = await open('package.json');
 * await file.close();
 * await file.read(new Uint8Array(10)).catch((error) => console.log(error instanceof ClosedError));
 * ```
 */
export class ClosedError extends PathError {
  constructor(details: PathDetails) {
    super('ERR_CLOSED', 'file already closed', details);
  }
}

/** The error for what Node's fs gave. What a caller did wrong stays the TypeError or RangeError that it is. */
export function pathError(error: unknown, details: PathDetails): unknown {
  if (!(error instanceof Error) || error instanceof PathError) return error;
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  if (typeof errno !== 'number' || typeof code !== 'string') return error;
  return new PathError(code, errnoMessage(-errno), { ...details, errno, syscall, cause: error });
}

/** The error for a call that its signal ended after bytes had gone. */
export function aborted(reason: unknown, details: PathDetails): unknown {
  if (!details.bytesWritten && !details.bytesRead) return reason;
  return new PathError('ERR_ABORTED', 'aborted', { ...details, cause: reason });
}
