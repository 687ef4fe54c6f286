import { copyLoop, copyMore } from '../io/copy.ts';
import { CopyError, type LimitedReader, type Reader, type Writer } from '../io/index.ts';
import type { FD } from '../poll/index.ts';
import { copyRange, type Side } from './copy-range.ts';
import type { OpenFile } from './open-file.ts';
import { copyFromPipe, pipeBehind } from './pipe-copy.ts';
import { FileTransfer } from './send-file.ts';

/** A thread is asked for so many bytes at a time: the way there and back costs as much as 64 KiB. */
export const COPY_BUFFER = 128 * 1024;

/** All that is left of `file`, at most what `limited` allows, to a connection: inside the kernel as far as that goes. */
export async function copyToConnection(
  file: OpenFile,
  reader: Reader,
  w: Writer,
  fd: FD,
  limited: LimitedReader | null,
): Promise<number> {
  const transfer = new FileTransfer(fd, sideOf(file, 'read'), limited);
  if (await runTransfer(file, transfer)) return transfer.sent;
  const loop = () => copyLoop(w, limited ?? reader, new Uint8Array(COPY_BUFFER));
  // A pipe gives nothing to the thread that would have sent a file.
  const pipe = transfer.sent === 0 ? await pipeBehind(file, 'read') : null;
  if (pipe !== null) return copyFromPipe(pipe, fd, limited, loop);
  return copyMore(transfer.sent, loop());
}

/** Nobody else moves the position meanwhile. */
async function runTransfer(file: OpenFile, transfer: FileTransfer): Promise<boolean> {
  try {
    file.mustBeOpen('read');
    await file.lock.take('copy', file.path, undefined);
  } catch (error) {
    throw new CopyError(error, 0, 'read');
  }
  try {
    if (!canCopy(file) || file.closed) return false;
    file.transferring = transfer;
    return await transfer.run();
  } finally {
    file.transferring = null;
    file.lock.give();
  }
}

/** From the one's position to the other's, inside the kernel: how many bytes; fewer than there are where it cannot. */
export async function copyInKernel(to: OpenFile, from: OpenFile, limit: number): Promise<number> {
  if (to === from) return 0;
  // Whoever copies in the other direction takes the locks in the same order.
  const [first, second] = to.fd < from.fd ? [to, from] : [from, to];
  await first.lock.take('copy', first.path, undefined);
  try {
    await second.lock.take('copy', second.path, undefined);
    try {
      if (!canCopy(to) || to.appends || !canCopy(from)) return 0;
      const before = from.position ?? 0;
      try {
        return await copyRange(sideOf(to, 'write'), sideOf(from, 'read'), limit);
      } catch (error) {
        throw new CopyError(error, (from.position ?? 0) - before, 'unknown');
      }
    } finally {
      second.lock.give();
    }
  } finally {
    first.lock.give();
  }
}

function canCopy(file: OpenFile): boolean {
  return !file.inherited && file.stream === null && file.position !== null;
}

function sideOf(file: OpenFile, op: string): Side {
  return {
    fd: file.fd,
    path: file.path,
    get position() {
      return file.position!;
    },
    set position(position) {
      file.position = position;
    },
    begin: () => {
      file.mustBeOpen(op);
      return file.begin();
    },
  };
}
