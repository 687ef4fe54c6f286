import { threads } from '../runtime/threads.ts';
import type { FileEngine } from './file-engine.ts';
import { type FilePool, threadPool } from './pool.ts';
import { threadEngine } from './thread-engine.ts';

/** An engine and the pool in front of it. */
export interface Lane {
  readonly engine: FileEngine;
  readonly pool: FilePool;
}

/** Node's threads: for what no other engine can. */
export const threadLane: Lane = { engine: threadEngine, pool: threadPool(threads) };

/** Where operations go that any engine can execute. */
export function fileLane(): Lane {
  return threadLane;
}

/** Every lane that this thread has. */
export function lanes(): readonly Lane[] {
  return [threadLane];
}
