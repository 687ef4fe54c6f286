export { linkReader, linkWriter } from './adapters.ts';
export { BufferClosedError, NotEnoughDataError, ReleasedError } from './errors.ts';
export { LinkBuffer, type LinkBufferOptions } from './link-buffer.ts';
export { checkLent } from './poison.ts';
export { BlockPool, type BlockPoolOptions, type BlockPoolStats, defaultPool } from './pool.ts';
export type { Lent, LinkOwner, LinkReader, LinkSlice, LinkWriter } from './types.ts';
