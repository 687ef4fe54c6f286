export { ArgumentRangeError, ArgumentTypeError } from './arguments.ts';
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
export { LimitedReader, limitReader } from './limit-reader.ts';
export { type PipeReader, type PipeWriter, pipe } from './pipe.ts';
export { readAll } from './read-all.ts';
export { readAtLeast, readFull } from './read-full.ts';
export type {
  ByteReader,
  ByteScanner,
  ByteWriter,
  Closer,
  NonblockingReader,
  ReadCloser,
  Reader,
  ReaderAt,
  ReaderFrom,
  ReadSeekCloser,
  ReadSeeker,
  ReadWriteCloser,
  ReadWriter,
  ReadWriteSeeker,
  Rune,
  RuneReader,
  RuneScanner,
  Seeker,
  StringWriter,
  Whence,
  WriteCloser,
  Writer,
  WriterAt,
  WriterTo,
  WriteSeeker,
} from './types.ts';
export { writeString } from './write-string.ts';
