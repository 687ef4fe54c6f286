export { type Chunk, fromAsyncIterable } from '../io/from-async-iterable.ts';
export { toAsyncIterable } from '../io/to-async-iterable.ts';
export { ConnDuplex, type DuplexOptions, toDuplex } from './conn-duplex.ts';
export { DuplexConn, fromDuplex } from './duplex-conn.ts';
export { fromReadableStream, toReadableStream } from './web-readable.ts';
export { fromWritableStream, toWritableStream } from './web-writable.ts';
