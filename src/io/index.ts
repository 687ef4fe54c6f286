export type { Closer, Reader, ReaderFrom, Writer, WriterTo } from './types.ts';
