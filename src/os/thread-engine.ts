import fs from 'node:fs';
import { findNative } from '../poll/drivers/epoll/native.ts';
import { ECANCELED } from '../poll/errno.ts';
import { durableWrite } from './durable-write.ts';
import type { FileEngine } from './file-engine.ts';

/** Node's threads: each operation holds one until it is done. */
export const threadEngine: FileEngine = {
  name: 'threads',
  largestPiece: 4 << 20,
  suits: () => true,
  open: (path, flags, mode, done) => fs.open(path, flags, mode, done),
  close: (fd, done) => fs.close(fd, done),
  read: (fd, p, from, length, position, done) => fs.read(fd, p, from, length, position, done),
  write: (fd, buffers, position, done) => {
    if (buffers.length === 1) fs.write(fd, buffers[0]!, 0, buffers[0]!.length, position, done);
    else fs.writev(fd, buffers, position, done);
  },
  sync: (fd, done) => fs.fsync(fd, done),
  datasync: (fd, done) => fs.fdatasync(fd, done),
  truncate: (fd, size, done) => fs.ftruncate(fd, size, done),
  stat: (fd, done) => fs.fstat(fd, done),
  statPath: (path, done) => fs.stat(path, done),
  get writeAndSync() {
    together ??= findTogether();
    return together.writeAndSync;
  },
};

/** Found when it is first asked for: who only imports this loads nothing. */
let together: Pick<FileEngine, 'writeAndSync'> | null = null;

/** Where the native part runs: one way to a thread and back, which costs more than the disk, instead of two. */
function findTogether(): Pick<FileEngine, 'writeAndSync'> {
  const found = findNative();
  if ('why' in found) return {};
  const { native } = found;
  return {
    writeAndSync: (fd, buffers, position, done) => {
      const ended = (written: number, synced: number) => durableWrite(written, synced, done);
      const begun = native.writeAndSync(fd, buffers, position ?? -1, ended);
      if (begun < 0) setImmediate(ended, begun, -ECANCELED);
    },
  };
}
