import { findNative, type Native } from '../poll/drivers/epoll/native.ts';
import { EINVAL, ENOTSUP, errnoMessage, errnoName } from '../poll/errno.ts';
import { PathError } from './errors.ts';
import { threadLane } from './lanes.ts';
import type { PoolUser, Work } from './pool.ts';

/** What the kernel says where it cannot copy between these two files: then it is done by reading and writing. */
const CANNOT: ReadonlySet<string> = new Set([
  errnoName(EINVAL),
  errnoName(ENOTSUP),
  'EXDEV',
  'ENOSYS',
  'EOPNOTSUPP',
  'EPERM',
  'EBADF',
  'ETXTBSY',
]);

/** One of the two files: where it stands, and whom to tell of threads that use it. */
export interface Side {
  readonly fd: number;
  readonly path: string;
  position: number;
  /** Counts one more operation, or throws: the file is closed. */
  begin(): PoolUser;
}

/**
 * Copies at most `limit` bytes from one file to another inside the kernel, and moves both positions. Resolves how
 * many; fewer than there are where it cannot go on in this way.
 */
export async function copyRange(to: Side, from: Side, limit: number): Promise<number> {
  const found = findNative();
  if ('why' in found) return 0;
  let copied = 0;
  while (copied < limit) {
    const n = await copyPiece(
      found.native,
      to,
      from,
      Math.min(threadLane.engine.largestPiece, limit - copied),
    );
    if (n <= 0) break;
    copied += n;
    from.position += n;
    to.position += n;
  }
  return copied;
}

/** The count of one piece; 0: the end, or the kernel cannot. */
async function copyPiece(native: Native, to: Side, from: Side, length: number): Promise<number> {
  const work: Work<number> = (callback) => {
    const done = (result: number) => callback(null, result);
    const begun = native.copyRange(from.fd, from.position, to.fd, to.position, length, done);
    if (begun !== 0) done(begun);
  };
  const reading = from.begin();
  let writing: PoolUser;
  try {
    writing = to.begin();
  } catch (error) {
    reading.returned();
    throw error;
  }
  const user = {
    returned: () => {
      reading.returned();
      writing.returned();
    },
  };
  const result = await threadLane.pool.run<number>('copy', to.path, work, { user });
  if (result >= 0) return result;
  const code = errnoName(-result);
  if (CANNOT.has(code)) return 0;
  const syscall = 'copy_file_range';
  throw new PathError(code, errnoMessage(-result), { op: 'copy', path: to.path, errno: result, syscall });
}
