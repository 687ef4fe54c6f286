export { ArgumentRangeError, ArgumentTypeError } from './arguments.ts';
export type {
  ReadCloser,
  ReadSeekCloser,
  ReadSeeker,
  ReadWriteCloser,
  ReadWriter,
  ReadWriteSeeker,
  WriteCloser,
  WriteSeeker,
} from './contracts/combinations.ts';
export type { ReaderFrom, WriterTo } from './contracts/fast-paths.ts';
export type { ReaderAt, Seeker, Whence, WriterAt } from './contracts/positions.ts';
export type { Closer, NonblockingReader, Reader, Writer } from './contracts/streams.ts';
export type {
  ByteReader,
  ByteScanner,
  ByteWriter,
  Rune,
  RuneReader,
  RuneScanner,
  StringWriter,
} from './contracts/units.ts';
export { copy, copyBuffer, copyN } from './copy.ts';
export type { Delimiter } from './delimiter.ts';
export { discard } from './discard.ts';
export {
  BadReadCountError,
  BadWriteCountError,
  ClosedPipeError,
  ConcurrentUseError,
  CopyError,
  findCause,
  IOError,
  LimitExceededError,
  NoProgressError,
  ReadError,
  ShortBufferError,
  ShortWriteError,
  UnexpectedEOFError,
  WriteError,
} from './errors.ts';
export { type Chunk, fromAsyncIterable } from './from-async-iterable.ts';
export { LimitedReader, limitReader } from './limit-reader.ts';
export { multiReader } from './multi-reader.ts';
export { multiWriter } from './multi-writer.ts';
export { nopCloser } from './nop-closer.ts';
export { OffsetWriter } from './offset-writer.ts';
export { type PipeReader, type PipeWriter, pipe } from './pipe.ts';
export { readAll } from './read-all.ts';
export { readAtLeast, readFull } from './read-full.ts';
export { SectionReader } from './section-reader.ts';
export { teeReader } from './tee-reader.ts';
export { toAsyncIterable } from './to-async-iterable.ts';
export { writeString } from './write-string.ts';
