import fs from 'node:fs';
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
};
