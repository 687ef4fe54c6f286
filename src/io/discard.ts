import { checkBytes, checkString } from './arguments.ts';
import type { ReaderFrom } from './contracts/fast-paths.ts';
import type { Reader, Writer } from './contracts/streams.ts';
import type { StringWriter } from './contracts/units.ts';
import { copyLoop } from './copy.ts';
import { resolvedCount } from './resolved.ts';
import { encodeText } from './text.ts';

/** The type of `discard`. */
class Discard implements Writer, StringWriter, ReaderFrom {
  write(p: Uint8Array): Promise<number> {
    try {
      checkBytes(p);
    } catch (error) {
      return Promise.reject(error);
    }
    return resolvedCount(p.length);
  }

  writeString(s: string): Promise<number> {
    try {
      checkString(s);
    } catch (error) {
      return Promise.reject(error);
    }
    return resolvedCount(encodeText(s).length);
  }

  readFrom(r: Reader): Promise<number> {
    return copyLoop(this, r);
  }
}

/**
 * A writer that takes everything and keeps nothing. `readFrom` reads a source to its end through a shared buffer.
 * Go: `io.Discard`.
 *
 * @example
 * ```ts
 * import { StringReader } from 'gopark/bytes';
 * import { copy, discard } from 'gopark/io';
 *
 * const size = await copy(discard, new StringReader('how long is this?'));
 * ```
 */
export const discard: Writer & StringWriter & ReaderFrom = new Discard();
