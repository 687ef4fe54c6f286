import { checkBytes, checkString, checkWriter, hasMethod } from './arguments.ts';
import type { Writer } from './contracts/streams.ts';
import type { StringWriter } from './contracts/units.ts';
import { bytesWrittenOf, checkWriteCount } from './counts.ts';
import { WriteError } from './errors.ts';
import { encodeText } from './text.ts';

class MultiWriter implements Writer, StringWriter {
  readonly writers: Writer[];

  constructor(writers: Writer[]) {
    this.writers = writers.flatMap((w) => (w instanceof MultiWriter ? w.writers : [w]));
  }

  async write(p: Uint8Array): Promise<number> {
    checkBytes(p);
    for (const w of this.writers) await writeAll(() => w.write(p), p.length);
    return p.length;
  }

  async writeString(s: string): Promise<number> {
    checkString(s);
    const bytes = encodeText(s);
    for (const w of this.writers) {
      const takesStrings = hasMethod(w, 'writeString');
      await writeAll(
        () => (takesStrings ? (w as unknown as StringWriter).writeString(s) : w.write(bytes)),
        bytes.length,
      );
    }
    return bytes.length;
  }
}

async function writeAll(write: () => Promise<number>, length: number): Promise<void> {
  try {
    checkWriteCount(await write(), length);
  } catch (error) {
    throw new WriteError(error, bytesWrittenOf(error, length));
  }
}

/**
 * A writer that passes each write to all `writers`, one after the other. The first that fails ends the call: it
 * rejects with `WriteError`, `bytesWritten` counts what that writer took, later ones see nothing. The list is
 * copied. Go: `io.MultiWriter`.
 *
 * @example
 * ```ts
 * import { Buffer } from 'gopark/bytes';
 * import { multiWriter, writeString } from 'gopark/io';
 *
 * const page = new Buffer();
 * const log = new Buffer();
 * await writeString(multiWriter(page, log), 'to both');
 * ```
 */
export function multiWriter(...writers: Writer[]): Writer & StringWriter {
  writers.forEach((w, i) => {
    checkWriter(w, `writers[${i}]`);
  });
  return new MultiWriter(writers);
}
