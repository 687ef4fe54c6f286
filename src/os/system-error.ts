import { errnoMessage, errnoName } from '../poll/errno.ts';

/** What node:fs would give. */
export function systemError(syscall: string, errno: number, path?: string | URL): Error {
  const code = errnoName(errno);
  const where = path === undefined ? '' : ` '${String(path)}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${errnoMessage(errno)}, ${syscall}${where}`);
  error.errno = -errno;
  error.code = code;
  error.syscall = syscall;
  if (path !== undefined) error.path = String(path);
  return error;
}
