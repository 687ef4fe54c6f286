// Loaded into a gateway before everything else (node --import): makes each fdatasync take SLOW_DISK milliseconds longer, on
// the thread that calls it.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { threadEngine } from '#dist/os/thread-engine.js';

const delay = Number(process.env.SLOW_DISK);
const { fdatasync, fdatasyncSync } = fs;
const never = new Int32Array(new SharedArrayBuffer(4));

fs.fdatasync = ((fd: number, callback: (error: NodeJS.ErrnoException | null) => void) => {
  setTimeout(() => fdatasync(fd, callback), delay);
}) as typeof fs.fdatasync;

fs.fdatasyncSync = (fd) => {
  Atomics.wait(never, 0, 0, delay);
  fdatasyncSync(fd);
};

const { writeBatch } = threadEngine;
if (writeBatch !== undefined) {
  Object.defineProperty(threadEngine, 'writeBatch', {
    value: ((...args) => {
      if (args[3]) setTimeout(() => writeBatch(...args), delay);
      else writeBatch(...args);
    }) as typeof writeBatch,
  });
}

syncBuiltinESMExports();
