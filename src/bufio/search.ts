import { concat } from '../io/read-all.ts';

export const newline = 0x0a;
export const carriageReturn = 0x0d;

/** How far one search through several buffers has come. */
export interface Search {
  chunks: Uint8Array[];
  taken: number;
  scanned: number;
}

/** Everything a search has found, in an array of its own. */
export function join(search: Search, last: Uint8Array): Uint8Array {
  return search.chunks.length === 0
    ? last.slice()
    : concat([...search.chunks, last], search.taken + last.length);
}

/** The length of a line without its ending. */
export function lineLength(bytes: Uint8Array): number {
  const last = bytes.length - 1;
  if (last < 0 || bytes[last] !== newline) return bytes.length;
  return last > 0 && bytes[last - 1] === carriageReturn ? last - 1 : last;
}
