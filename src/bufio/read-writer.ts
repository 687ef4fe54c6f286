import type { Reader as Source, Writer as Target } from '../io/contracts/streams.ts';
import type { StringWriter } from '../io/contracts/units.ts';
import type { Delimiter } from '../io/delimiter.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

/**
 * A buffered reader and a buffered writer as one `io.ReadWriter`. Reading does not flush the writer. Everything
 * beyond the few common calls is on `reader` and `writer`. Go: `bufio.ReadWriter`.
 *
 * @example
 * ```ts
 * import { Reader, ReadWriter, Writer } from 'gopark/bufio';
 * import { Buffer, StringReader } from 'gopark/bytes';
 *
 * const both = new ReadWriter(new Reader(new StringReader('ping\n')), new Writer(new Buffer()));
 * const request = await both.readString('\n');
 * await both.writeString(`echo ${request}`);
 * await both.flush();
 * ```
 */
export class ReadWriter implements Source, Target, StringWriter {
  readonly reader: Reader;
  readonly writer: Writer;

  /** Plain readers and writers are buffered with the default sizes. */
  constructor(reader: Source, writer: Target) {
    this.reader = reader instanceof Reader ? reader : new Reader(reader);
    this.writer = writer instanceof Writer ? writer : new Writer(writer);
  }

  /** See `Reader.read`. */
  read(p: Uint8Array): Promise<number | null> {
    return this.reader.read(p);
  }

  /** See `Reader.readString`. */
  readString(delimiter: Delimiter, options?: { limit?: number }): Promise<string | null> {
    return this.reader.readString(delimiter, options);
  }

  /** See `Writer.write`. */
  write(p: Uint8Array): Promise<number> {
    return this.writer.write(p);
  }

  /** See `Writer.writeString`. */
  writeString(s: string): Promise<number> {
    return this.writer.writeString(s);
  }

  /** See `Writer.flush`. */
  flush(): Promise<void> {
    return this.writer.flush();
  }
}
