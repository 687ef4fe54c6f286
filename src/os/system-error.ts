import { fileURLToPath } from 'node:url';
import { errnoMessage, errnoName } from '../poll/errno.ts';

/** What node:fs would give. */
export function systemError(syscall: string, errno: number, path?: string | URL): Error {
  const code = errnoName(errno);
  const name = path instanceof URL ? fileURLToPath(path) : path;
  const where = name === undefined ? '' : ` '${name}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${errnoMessage(errno)}, ${syscall}${where}`);
  error.errno = -errno;
  error.code = code;
  error.syscall = syscall;
  if (name !== undefined) error.path = name;
  return error;
}
