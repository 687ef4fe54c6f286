/**
 * A source of bytes.
 *
 * `read` fills at most `p.length` bytes of `p` and resolves how many: `n >= 1` when bytes came, `null` at the end
 * of the stream (again and again), `0` only for a zero-length `p`. It resolves with what is there instead of
 * waiting for a full `p`. Bytes that arrived before an error are delivered first; the error is what the next call
 * rejects with. The reader may use all of `p` as scratch space, and neither touches nor keeps it once the promise
 * has settled.
 */
export interface Reader {
  read(p: Uint8Array): Promise<number | null>;
}

/**
 * A destination of bytes.
 *
 * `write` resolves `p.length` once the destination took all of `p`, else it rejects with an error that carries
 * `bytesWritten`. It never modifies `p` and never keeps it once the promise has settled.
 */
export interface Writer {
  write(p: Uint8Array): Promise<number>;
}

/** Something that holds a resource until `close`. What a second `close` does is up to each type. */
export interface Closer {
  close(): Promise<void>;
}

/** The fast path of `copy`'s destination: reads `r` until its end and resolves how many bytes came. */
export interface ReaderFrom {
  readFrom(r: Reader): Promise<number>;
}

/** The fast path of `copy`'s source: writes everything that is left to `w` and resolves how many bytes went. */
export interface WriterTo {
  writeTo(w: Writer): Promise<number>;
}
