export { InvalidUnreadByteError, InvalidUnreadRuneError } from '../io/unread-errors.ts';
export { Buffer, BufferTooLargeError } from './buffer.ts';
export { Reader, StringReader } from './reader.ts';
