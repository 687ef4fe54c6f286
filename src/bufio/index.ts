export type { Delimiter } from '../io/delimiter.ts';
export { InvalidUnreadByteError, InvalidUnreadRuneError } from '../io/unread-errors.ts';
export {
  AdvanceTooFarError,
  BufferFullError,
  NegativeAdvanceError,
  ScanStartedError,
  TokenTooLongError,
} from './errors.ts';
export { ReadWriter } from './read-writer.ts';
export { Reader } from './reader.ts';
export { Scanner } from './scanner.ts';
export { maxScanTokenSize, type ScannerOptions } from './scanner-options.ts';
export {
  finalToken,
  type SplitFunction,
  type SplitResult,
  scanBytes,
  scanLines,
  scanRunes,
  scanWords,
} from './split.ts';
export { Writer } from './writer.ts';
