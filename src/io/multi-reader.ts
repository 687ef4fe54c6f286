import { checkBytes, checkReader } from './arguments.ts';
import type { WriterTo } from './contracts/fast-paths.ts';
import type { Reader, Writer } from './contracts/streams.ts';
import { copy, copyMore } from './copy.ts';

class MultiReader implements Reader, WriterTo {
  /** Those not yet at their end. A used-up reader is let go, so that its memory can be. */
  readers: Reader[];

  constructor(readers: Reader[]) {
    this.readers = readers;
  }

  async read(p: Uint8Array): Promise<number | null> {
    checkBytes(p);
    while (this.readers.length > 0) {
      // A nested one that holds a single reader is stepped into, so that nesting costs nothing.
      const first = this.readers[0]!;
      if (this.readers.length === 1 && first instanceof MultiReader) {
        this.readers = first.readers;
        continue;
      }
      const n = await first.read(p);
      if (n !== null) return n;
      if (this.readers[0] === first) this.readers = this.readers.slice(1);
    }
    return null;
  }

  async writeTo(w: Writer): Promise<number> {
    let total = 0;
    while (this.readers.length > 0) {
      total += await copyMore(total, copy(w, this.readers[0]!)).then((sum) => sum - total);
      this.readers = this.readers.slice(1);
    }
    return total;
  }
}

/**
 * One reader of all `readers`, one after the other; `null` when the last is at its end. Errors pass as they are and
 * leave the position where it is. The list is copied. One read at a time. Go: `io.MultiReader`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { multiReader, readAll } from 'gopark/io';
 *
 * const message = multiReader(new StringReader('header\n'), new StringReader('body'));
 * await readAll(message);
 * ```
 */
export function multiReader(...readers: Reader[]): Reader & WriterTo {
  readers.forEach((r, i) => {
    checkReader(r, `readers[${i}]`);
  });
  return new MultiReader(readers);
}
