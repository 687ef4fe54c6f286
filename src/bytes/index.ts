export { InvalidUnreadByteError, InvalidUnreadRuneError } from '../io/unread-errors.ts';
export { Buffer } from './buffer.ts';
export { BufferTooLargeError } from './errors.ts';
export { Reader, StringReader } from './reader.ts';
