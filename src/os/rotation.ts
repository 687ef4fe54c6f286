import { basename, dirname } from 'node:path';
import { checkCount } from '../io/arguments.ts';
import { ArgumentRangeError } from '../io/index.ts';
import { PathError } from './errors.ts';
import type { File } from './file.ts';
import { openNamed } from './open.ts';
import { link, readDir, remove, rename, syncDirectory } from './paths.ts';

/**
 * When an AsyncWriter begins a new file. The old one is renamed: the time is appended to its name, so that names
 * sort by age.
 *
 * @example
 * ```ts
 * import type { Rotation } from 'gopark/os';
 *
 * const daily: Rotation = { interval: 24 * 60 * 60 * 1000, size: 100 << 20, keep: 14 };
 * ```
 */
export interface Rotation {
  /** Before the file would get longer than so many bytes. */
  size?: number;
  /** When it has been written to for so many milliseconds; looked at when something is written. */
  interval?: number;
  /** How many old files to keep; the oldest ones beyond are removed. All, unless given. */
  keep?: number;
  /** What every new file begins with. */
  header?: () => Uint8Array;
}

export function checkRotation({ size, interval, keep }: Rotation): void {
  if (size !== undefined) checkCount(size, 'rotate.size', 1);
  if (keep !== undefined) checkCount(keep, 'rotate.keep');
  if (interval !== undefined && !(interval > 0)) {
    throw new ArgumentRangeError('rotate.interval', 'milliseconds above 0', interval);
  }
}

/** The time as part of a file name: 20260131T235959.123Z. */
function stamp(time: Date): string {
  return time.toISOString().replaceAll(/[-:]/g, '');
}

const STAMP = /^\.\d{8}T\d{6}\.\d{3}Z(?:-\d+)?$/;

/** Gives the file a second name, one that no file has. */
async function linkAside(path: string): Promise<string> {
  const base = `${path}.${stamp(new Date())}`;
  for (let attempt = 0; ; attempt++) {
    const name = attempt === 0 ? base : `${base}-${attempt}`;
    try {
      await link(path, name);
      return name;
    } catch (error) {
      if (!(error instanceof PathError) || error.code !== 'EEXIST') throw error;
    }
  }
}

/**
 * Puts a new file, empty but for the header, in the place of `file`, which keeps its bytes under another name. The
 * path leads to one of the two at every moment, whenever the machine stops. Rejects with everything as it was.
 */
export async function beginNewFile(file: File, header: Uint8Array, durable: boolean): Promise<File> {
  const { path } = file;
  const { mode } = await file.stat();
  const unfinished = `${path}.new`;
  // One that a crash has left behind has never been the file.
  await removeIfThere(unfinished);
  const next = await openNamed(unfinished, path, 'ax', mode, undefined);
  let old: string | null = null;
  let replaced = false;
  try {
    await next.chmod(mode);
    await next.write(header);
    if (durable) await next.sync();
    old = await linkAside(path);
    await rename(unfinished, path);
    replaced = true;
    if (durable) await syncDirectory(dirname(path));
    return next;
  } catch (error) {
    // The first error is the one to tell.
    const undo = replaced
      ? rename(old!, path)
      : Promise.all([unfinished, old ?? unfinished].map(removeIfThere));
    await Promise.allSettled([next.close(), undo]);
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await remove(path);
  } catch (error) {
    if (!(error instanceof PathError) || error.code !== 'ENOENT') throw error;
  }
}

/** The old files of `path`, the oldest first. */
export async function rotatedFiles(path: string): Promise<string[]> {
  const name = basename(path);
  const names = await readDir(dirname(path));
  return names
    .filter((other) => other.startsWith(name) && STAMP.test(other.slice(name.length)))
    .map((other) => `${dirname(path)}/${other}`);
}

/** Removes the oldest ones beyond `keep`. */
export async function removeOldFiles(path: string, keep: number): Promise<void> {
  const old = await rotatedFiles(path);
  for (const name of old.slice(0, Math.max(0, old.length - keep))) await remove(name);
}
