import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { copy, SectionReader } from '../../../io/index.ts';
import { type File, open, remove, syncDirectory } from '../../../os/index.ts';
import { fileHeader } from './format.ts';
import { type JournalLock, takeLock } from './lock.ts';
import { type Scan, scan } from './scan.ts';

/** A journal that can be appended to. */
export interface Recovered {
  /** Opened to append; everything in it is good. */
  readonly file: File;
  /** As long as it is open, nobody else writes the journal. */
  readonly lock: JournalLock;
  readonly orders: number;
  readonly nextSequence: number;
  /** What was cut off: a torn record, or everything behind a damaged one. */
  readonly cut: { readonly at: number; readonly bytes: number; readonly keptIn: string } | null;
}

/**
 * Opens the journal at `given`, or begins one. What stands behind its last good record is cut off, after a copy has
 * been made; nothing before is touched.
 */
export async function recover(given: string): Promise<Recovered> {
  const path = await withoutLinks(given);
  const lock = await takeLock(path);
  try {
    const file = await open(path, 'a+', 0o600);
    try {
      const found = await scan(file, () => {});
      const cut = found.end < found.size ? await cutOff(file, found) : null;
      if (found.end === 0) {
        await file.write(fileHeader(1));
        await file.sync();
        await syncDirectory(dirname(path));
      }
      return { file, lock, cut, orders: found.orders, nextSequence: found.nextSequence };
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    await lock.close();
    throw error;
  }
}

/** One journal has one lock and one directory for its old files, whichever symbolic link leads to it. */
async function withoutLinks(path: string): Promise<string> {
  // Only what exists has such a path; empty, it is a journal that was not begun.
  const file = await open(path, 'a', 0o600);
  await file.close();
  return realpath(path);
}

async function cutOff(file: File, { end, size }: Scan): Promise<Recovered['cut']> {
  const stamp = new Date().toISOString().replaceAll(/[-:]/g, '');
  const keptIn = `${file.path}.cut-${stamp}`;
  await using kept = await open(keptIn, 'wx', 0o600);
  try {
    await copy(kept, new SectionReader(file, end, size - end));
    await kept.sync();
  } catch (error) {
    // A full disk, most likely: each attempt to start would leave another one.
    await remove(keptIn);
    throw error;
  }
  await syncDirectory(dirname(file.path));
  await file.truncate(end);
  await file.sync();
  return { at: end, bytes: size - end, keptIn };
}
