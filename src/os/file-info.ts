import type { Stats } from 'node:fs';
import { basename } from 'node:path';

/**
 * What `stat` says of a file. Go: `fs.FileInfo`.
 *
 * @example
 * ```ts
 * import { type FileInfo, stat } from 'gopark/os';
 *
 * const info: FileInfo = await stat('package.json');
 * console.log(info.name, info.size, info.modTime.toISOString(), info.isDir);
 * ```
 */
export class FileInfo {
  /** The last part of the path. */
  readonly name: string;
  /** Everything that the system says. */
  readonly sys: Stats;

  constructor(path: string, sys: Stats) {
    this.name = basename(path);
    this.sys = sys;
  }

  /** In bytes; of use for regular files only. */
  get size(): number {
    return this.sys.size;
  }

  /** The permission bits, such as 0o644. */
  get mode(): number {
    return this.sys.mode & 0o7777;
  }

  get modTime(): Date {
    return this.sys.mtime;
  }

  get isDir(): boolean {
    return this.sys.isDirectory();
  }

  get isRegular(): boolean {
    return this.sys.isFile();
  }
}
