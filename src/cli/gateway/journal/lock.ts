import { unlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type File, open, PathError } from '../../../os/index.ts';

/** Keeps everybody else out of a journal until it is closed. */
export interface JournalLock {
  close(): Promise<void>;
}

/**
 * The lock is the kernel's, on a file that nobody renames or removes: it ends with the process, also by `kill -9`,
 * and a lock file that was left behind means nothing.
 */
export async function takeLock(path: string): Promise<JournalLock> {
  const file = await open(`${path}.lock`, 'a', 0o600);
  try {
    const lock = await lockOf(file);
    if (lock !== null) return lock;
    throw new PathError('ERR_LOCKED', 'another process writes this journal', { op: 'lock', path });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function lockOf(file: File): Promise<JournalLock | null> {
  try {
    return file.tryLock() ? file : null;
  } catch (error) {
    if (!(error instanceof PathError) || error.code !== 'ERR_UNSUPPORTED') throw error;
    return lockByName(file);
  }
}

/**
 * Where no native part runs: a name that only one process can listen on, taken from the file's identity. It ends
 * with the process as well. (Who has the file's own lock does not see it: all gateways of a journal need the same.)
 */
async function lockByName(file: File): Promise<JournalLock | null> {
  const { dev, ino } = await stat(file.path, { bigint: true });
  const server = await listenOn(socketPath(`gopark-lock-${dev}-${ino}`));
  if (server === null) return null;
  return {
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await file.close();
    },
  };
}

function socketPath(name: string): string {
  if (process.platform === 'linux') return `\0${name}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

async function listenOn(path: string): Promise<Server | null> {
  const server = await attempt(path);
  if (server !== null || process.platform === 'linux' || process.platform === 'win32') return server;
  // A socket file outlives its process.
  if (await answers(path)) return null;
  unlinkSync(path);
  return attempt(path);
}

function attempt(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen({ path, exclusive: true }, () => resolve(server.unref()));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
