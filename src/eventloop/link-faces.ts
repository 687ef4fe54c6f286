import type { Delimiter } from '../io/delimiter.ts';
import type { Lent, LinkBuffer, LinkReader, LinkSlice, LinkWriter } from '../linkbuffer/index.ts';

/**
 * A LinkReader and a LinkWriter that hold no memory while nothing is there to read or to send: both buffers are taken
 * when they are needed and given back when they are empty, and who keeps `conn.reader` does not notice.
 */
export abstract class LinkFaces implements LinkReader, LinkWriter {
  /** The buffer of what has come. Throws when nothing can be read any more. */
  protected abstract incoming(): LinkBuffer;
  /** The buffer of what is to be sent. Throws when nothing can be written any more. */
  protected abstract outgoing(): LinkBuffer;
  /** The first one, if one is there just now. */
  protected abstract get arrived(): LinkBuffer | null;
  protected abstract get unsent(): LinkBuffer | null;

  abstract flush(): Promise<void>;
  abstract write(p: Uint8Array): Promise<number>;

  // Reading

  /** How many bytes can be read without waiting. */
  get len(): number {
    return this.arrived?.len ?? 0;
  }

  next(n: number): Promise<Lent | null> {
    return this.waiting((input) => input.next(n));
  }

  tryNext(n: number): Lent | null | undefined {
    return this.incoming().tryNext(n);
  }

  peek(n: number): Promise<Lent | null> {
    return this.waiting((input) => input.peek(n));
  }

  tryPeek(n: number): Lent | null | undefined {
    return this.incoming().tryPeek(n);
  }

  skip(n: number): Promise<void> {
    return this.waiting((input) => input.skip(n));
  }

  trySkip(n: number): boolean {
    return this.incoming().trySkip(n);
  }

  until(delimiter: Delimiter, limit?: number): Promise<Lent | null> {
    return this.waiting((input) => input.until(delimiter, limit));
  }

  tryUntil(delimiter: Delimiter, limit?: number): Lent | null | undefined {
    return this.incoming().tryUntil(delimiter, limit);
  }

  readString(n: number): Promise<string | null> {
    return this.waiting((input) => input.readString(n));
  }

  tryReadString(n: number): string | null | undefined {
    return this.incoming().tryReadString(n);
  }

  readBinary(n: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.waiting((input) => input.readBinary(n));
  }

  tryReadBinary(n: number): Uint8Array<ArrayBuffer> | null | undefined {
    return this.incoming().tryReadBinary(n);
  }

  readByte(): Promise<number | null> {
    return this.waiting((input) => input.readByte());
  }

  tryReadByte(): number | null | undefined {
    return this.incoming().tryReadByte();
  }

  slice(n: number): Promise<LinkSlice | null> {
    return this.waiting((input) => input.slice(n));
  }

  trySlice(n: number): LinkSlice | null | undefined {
    return this.incoming().trySlice(n);
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.waiting((input) => input.read(p));
  }

  tryRead(p: Uint8Array): number | null | undefined {
    return this.incoming().tryRead(p);
  }

  /** Resolves when bytes, the end or an error are at hand. Consumes nothing. */
  waitReadable(): Promise<void> {
    return this.waiting((input) => input.waitReadable());
  }

  indexOf(byte: number, from?: number): number {
    return this.arrived?.indexOf(byte, from) ?? -1;
  }

  byteAt(offset: number): number {
    return this.arrived?.byteAt(offset) ?? -1;
  }

  release(): void {
    this.arrived?.release();
  }

  /** A reading call that may wait: what `incoming` throws becomes its rejection. */
  protected waiting<T>(call: (input: LinkBuffer) => Promise<T>): Promise<T> {
    try {
      return call(this.incoming());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // Writing

  get mallocLen(): number {
    return this.unsent?.mallocLen ?? 0;
  }

  malloc(n: number): Lent {
    return this.outgoing().malloc(n);
  }

  mallocAck(n: number): void {
    this.outgoing().mallocAck(n);
  }

  writeString(s: string): number {
    return this.outgoing().writeString(s);
  }

  writeBinary(p: Uint8Array): number {
    return this.outgoing().writeBinary(p);
  }

  writeDirect(p: Uint8Array, remain?: number): void {
    this.outgoing().writeDirect(p, remain);
  }

  writeByte(byte: number): void {
    this.outgoing().writeByte(byte);
  }

  append(other: LinkReader): void {
    this.outgoing().append(other instanceof LinkFaces ? other.incoming() : other);
  }

  /**
   * Moves the next `n` bytes (default: all that are there) to what `to` will send with its next `flush`: large ones
   * without a copy. For what goes on as it came, as in a proxy or an echo. There must be as many.
   */
  moveTo(to: LinkFaces | LinkBuffer, n: number = this.len): void {
    if (n !== 0) this.incoming().moveTo(to instanceof LinkFaces ? to.outgoing() : to, n);
  }
}
