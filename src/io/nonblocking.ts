import { hasMethod } from './arguments.ts';
import type { NonblockingReader, Reader } from './contracts/streams.ts';

/** The reader itself when it can be asked without waiting, else null. Found by its methods, as all fast paths are. */
export function asNonblocking(r: Reader): NonblockingReader | null {
  return hasMethod(r, 'tryRead') && hasMethod(r, 'waitReadable') ? (r as NonblockingReader) : null;
}
