import { checkString, checkWriter, hasMethod } from './arguments.ts';
import type { Writer } from './contracts/streams.ts';
import type { StringWriter } from './contracts/units.ts';
import { checkWriteCount } from './counts.ts';
import { encodeText } from './text.ts';

/**
 * Writes `s` as UTF-8 and resolves the number of bytes. Uses `w.writeString` where there is one, else exactly one
 * `write`, also for an empty `s`. Rejects as that call does; a short count becomes `ShortWriteError`.
 * Go: `io.WriteString`.
 *
 * @example
 * ```ts
 * import { discard, writeString } from 'gopark/io';
 *
 * const n = await writeString(discard, 'grüezi\n');
 * console.log(n); // 8
 * ```
 */
export async function writeString(w: Writer, s: string): Promise<number> {
  checkWriter(w);
  checkString(s);
  if (hasMethod(w, 'writeString')) return (w as unknown as StringWriter).writeString(s);
  const bytes = encodeText(s);
  checkWriteCount(await w.write(bytes), bytes.length);
  return bytes.length;
}
