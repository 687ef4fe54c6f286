export { ClosedError, PathError } from './errors.ts';
export { File } from './file.ts';
export { FileInfo } from './file-info.ts';
export { open } from './open.ts';
export type { OpenFlags } from './open-flags.ts';
export { readDir, readFile, remove, rename, stat, syncDirectory, writeFile } from './paths.ts';
export { configureFiles, type FilePoolStats, filePoolStats } from './pool.ts';
export type { FileCallOptions } from './waiting.ts';
