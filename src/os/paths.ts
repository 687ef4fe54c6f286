import fs from 'node:fs';
import { readAll } from '../io/index.ts';
import { pathError } from './errors.ts';
import { FileInfo } from './file-info.ts';
import { fileLane, threadLane } from './lanes.ts';
import { open, pathText } from './open.ts';
import type { Work } from './pool.ts';

async function onPath<T>(op: string, path: string | URL, work: Work<T>, lane = threadLane): Promise<T> {
  const name = pathText(path);
  try {
    return await lane.pool.run(op, name, work);
  } catch (error) {
    throw pathError(error, { op, path: name });
  }
}

/**
 * The whole of a file, as long as it was when it was opened. Go: `os.ReadFile`.
 *
 * @example
 * ```ts
 * import { readFile } from 'gopark/os';
 *
 * const { name } = JSON.parse(new TextDecoder().decode(await readFile('package.json')));
 * ```
 */
export async function readFile(path: string | URL): Promise<Uint8Array> {
  await using file = await open(path);
  const all = file.readWholeCached();
  if (all !== null) return all;
  const { engine } = fileLane();
  // To a ring, asking for the size is what takes a thread, not reading: most files are read before.
  const first = engine.name === 'uring' ? unfilled(engine.largestPiece) : null;
  const begun = first === null ? 0 : ((await file.readAt(first, 0)) ?? 0);
  if (first !== null && begun < first.length) return first.slice(0, begun);
  const { size } = await file.stat();
  // What the kernel makes up while it is read, as in /proc, has no size.
  if (size === 0) return await readAll(file);
  const bytes = unfilled(size);
  if (first !== null) bytes.set(first.subarray(0, size));
  const n = begun + ((await file.readAt(bytes.subarray(begun), begun)) ?? 0);
  return n === size ? bytes : bytes.slice(0, n);
}

/** Not zeroed: all of it is overwritten, or cut off. */
function unfilled(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

/**
 * Makes a file of exactly these bytes, replacing what it held. Not atomic: write another name and `rename` for that.
 * Go: `os.WriteFile`.
 *
 * @example
 * ```ts
 * import { writeFile } from 'gopark/os';
 *
 * await writeFile('pid', new TextEncoder().encode(String(process.pid)), 0o644);
 * ```
 */
export async function writeFile(path: string | URL, bytes: Uint8Array, mode = 0o666): Promise<void> {
  await using file = await open(path, 'w', mode);
  await file.write(bytes);
}

/**
 * What the system says of a path; links are followed. Go: `os.Stat`.
 *
 * @example
 * ```ts
 * import { stat } from 'gopark/os';
 *
 * const { isDir } = await stat('.');
 * ```
 */
export async function stat(path: string | URL): Promise<FileInfo> {
  const lane = fileLane();
  const work: Work<fs.Stats> = (done) => lane.engine.statPath(path, done);
  return new FileInfo(pathText(path), await onPath('stat', path, work, lane));
}

/**
 * The names in a directory, sorted. Go: `os.ReadDir`.
 *
 * @example
 * ```ts
 * import { readDir } from 'gopark/os';
 *
 * for (const name of await readDir('.')) console.log(name);
 * ```
 */
export async function readDir(path: string | URL): Promise<string[]> {
  return (await onPath<string[]>('readdir', path, (callback) => fs.readdir(path, callback))).sort();
}

/**
 * Renames a file, replacing one that has the new name. Go: `os.Rename`.
 *
 * @example
 * ```ts
 * import { rename } from 'gopark/os';
 *
 * await rename('app.log', 'app.log.1');
 * ```
 */
export async function rename(from: string | URL, to: string | URL): Promise<void> {
  return onPath<void>('rename', from, (callback) => fs.rename(from, to, callback));
}

/**
 * Gives a file a second name, which must be free. Go: `os.Link`.
 *
 * @example
 * ```ts
 * import { link } from 'gopark/os';
 *
 * await link('state', 'state.backup');
 * ```
 */
export async function link(from: string | URL, to: string | URL): Promise<void> {
  return onPath<void>('link', from, (callback) => fs.link(from, to, callback));
}

/**
 * Removes a file. Go: `os.Remove`, of files.
 *
 * @example
 * ```ts
 * import { remove } from 'gopark/os';
 *
 * await remove('app.log.9');
 * ```
 */
export async function remove(path: string | URL): Promise<void> {
  return onPath<void>('remove', path, (callback) => fs.unlink(path, callback));
}

/**
 * Resolves when the disk has the names in a directory: after a file in it was created, renamed or removed. Without
 * it a power cut may undo that, however durable the file's bytes are.
 *
 * @example
 * ```ts
 * import { rename, syncDirectory } from 'gopark/os';
 *
 * await rename('state.new', 'state');
 * await syncDirectory('.');
 * ```
 */
export async function syncDirectory(path: string | URL): Promise<void> {
  // Windows opens no directories; its names need no such thing.
  if (process.platform === 'win32') return;
  await using directory = await open(path);
  await directory.sync();
}
