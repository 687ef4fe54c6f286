import { findSourceMap } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Frame } from './chains.ts';

/** Our own packages, except the programs among them. */
const library = dirname(dirname(fileURLToPath(import.meta.url))) + sep;
const programs = `${library}cli${sep}`;

/** `file:line:column` of a frame in its source: what Node maps when source maps are switched on. */
export function sourceOf({ file, line, column }: Frame): string {
  const origin = findSourceMap(file)?.findEntry(line - 1, column - 1);
  if (origin === undefined || !('originalSource' in origin)) return `${shortPath(file)}:${line}:${column}`;
  const { originalSource, originalLine, originalColumn } = origin;
  return `${shortPath(originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
}

/** The innermost function that is not ours, and where it stands: `parse (session.ts:40:7)`. '': there is none. */
export function placeOf(frames: readonly Frame[]): string {
  const frame = frames.find((one) => !isLibrary(one));
  return frame === undefined ? '' : `${functionName(frame)} (${sourceOf(frame)})`;
}

export function functionName({ isMain, name }: Frame): string {
  if (isMain) return 'the main module';
  return name === '' ? 'anonymous' : name;
}

/** A path, or a path with a position, as short as it is still unique: relative to the working directory. */
export function shortPath(site: string): string {
  let path = site;
  if (site.startsWith('file://')) {
    try {
      path = fileURLToPath(site);
    } catch {
      return site;
    }
  }
  const here = process.cwd() + sep;
  return path.startsWith(here) ? path.slice(here.length) : path;
}

/** Whether a frame is inside gopark, and so of less interest than who called it. */
export function isLibrary({ file }: Frame): boolean {
  if (file.startsWith('node:')) return true;
  const path = file.startsWith('file://') ? safePath(file) : file;
  return path.startsWith(library) && !path.startsWith(programs);
}

function safePath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}
