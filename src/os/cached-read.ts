import { findNative, type Native } from '../poll/drivers/epoll/native.ts';
import { EAGAIN, ENOTSUP } from '../poll/errno.ts';
import { nextTurn, spend } from '../runtime/budget.ts';
import { fileLane } from './lanes.ts';
import type { OpenFile } from './open-file.ts';

/** What is read to find out whether it is all. Nobody else uses it meanwhile: nothing here waits. */
let scratch: Uint8Array | null = null;

/** The most that is copied on the event loop's own time; more is better copied by a thread beside it. */
const LARGEST = 128 * 1024;

let native: Native | null | undefined;

/** The kernel's answer without waiting for a disk; see `Native.readCached`. An object, so that a test can be a disk. */
export const kernelMemory = {
  read(fd: number, p: Uint8Array, from: number, length: number, offset: number): number {
    if (native === undefined) {
      const found = findNative();
      native = 'native' in found ? found.native : null;
    }
    return native === null ? -ENOTSUP : native.readCached(fd, p, from, length, offset);
  },
};

/**
 * Reads what the kernel has in memory of `p.length - from` bytes at `position`: the count, 0 at the end, -1: a thread
 * is to be asked. That costs a fifth of the way to a thread and back, and takes none from those who need one.
 */
export function readCached(file: OpenFile, p: Uint8Array, from: number, position: number): number {
  const length = p.length - from;
  if (!file.mayBeCached || length > LARGEST) return -1;
  if (spend()) {
    // This goroutine has had its slice of the event loop. The thread's way is the long one; others run meanwhile.
    void nextTurn();
    return -1;
  }
  const n = kernelMemory.read(file.fd, p, from, length, position);
  if (n >= 0) {
    fileLane().pool.countCached();
    return n;
  }
  // tmpfs, network file systems, pipes, directories: their way is the thread's, and errors are told there.
  if (n !== -EAGAIN) file.mayBeCached = false;
  return -1;
}

/** The whole of a file that is small and in the kernel's memory, by which nobody need ask how long it is; else null. */
export function readWholeCached(file: OpenFile): Uint8Array | null {
  scratch ??= new Uint8Array(LARGEST);
  const n = readCached(file, scratch, 0, 0);
  // A file without a length, as in /proc, is not told by its memory; one that fills all of it may be longer.
  if (n < 0 || n === scratch.length || readCached(file, scratch, n, n) !== 0) return null;
  return scratch.slice(0, n);
}
