import { oncePerProcess } from '../poll/drivers/process-once.ts';
import { driverChoice } from '../poll/index.ts';
import { escapeText } from '../runtime/escape.ts';
import { complain } from '../runtime/stderr.ts';
import { threads } from '../runtime/threads.ts';
import type { FileEngine, FileEngineName } from './file-engine.ts';
import { type FilePool, threadPool } from './pool.ts';
import { openRingLane } from './ring/ring-lane.ts';
import { threadEngine } from './thread-engine.ts';

/** An engine and the pool in front of it. */
export interface Lane {
  readonly engine: FileEngine;
  readonly pool: FilePool;
}

/** Which engine executes file operations in this thread. */
export interface FileEngineChoice {
  readonly engine: FileEngineName;
  readonly why: string;
}

/** Node's threads: for what no other engine can, and when nobody asks for another. */
export const threadLane: Lane = { engine: threadEngine, pool: threadPool(threads) };

/** The ring's, or why there is none; null: not tried yet. */
let ringLane: Lane | { readonly why: string } | null = null;
let current: Lane | null = null;
let choice: FileEngineChoice | null = null;

/** Where operations go that any engine can execute. */
export function fileLane(): Lane {
  if (current === null) chooseAtStart();
  return current!;
}

/** Whether anything has needed a file yet: until then nothing is chosen, and who only looks shall not be the reason. */
export function isFileLaneChosen(): boolean {
  return current !== null;
}

/** Every lane that this thread has. */
export function lanes(): readonly Lane[] {
  return ringLane === null || 'why' in ringLane ? [threadLane] : [threadLane, ringLane];
}

export function fileEngineChoice(): FileEngineChoice {
  if (choice === null) chooseAtStart();
  return choice!;
}

/** What begins from now on is executed by this engine, unless `GOPARK_FILES` names one. */
export function chooseEngine(engine: FileEngineName): void {
  if (forced() === null) choose(engine, 'the program asks for it');
}

/** What `GOPARK_FILES` says: whoever runs the program has the last word. */
function forced(): FileEngineName | null {
  const text = process.env.GOPARK_FILES ?? '';
  return text === 'threads' || text === 'uring' ? text : null;
}

function chooseAtStart(): void {
  const engine = forced();
  const text = process.env.GOPARK_FILES ?? '';
  if (engine === null && text !== '' && oncePerProcess('files')) {
    complain(`gopark: GOPARK_FILES=${escapeText(text)}: expected threads or uring\n`);
  }
  if (engine !== null) choose(engine, 'GOPARK_FILES asks for it');
  else if (driverChoice().driver === 'uring') choose('uring', 'the network driver is uring, too');
  else choose('threads', 'nobody asks for another');
}

function choose(engine: FileEngineName, why: string): void {
  current = threadLane;
  choice = { engine: 'threads', why };
  if (engine === 'threads') return;
  ringLane ??= openRingLane();
  if ('why' in ringLane) {
    choice = { engine: 'threads', why: `io_uring was asked for, but ${ringLane.why}` };
    if (oncePerProcess('files')) {
      complain(`gopark: file operations run on Node's threads, not through io_uring: ${ringLane.why}\n`);
    }
  } else {
    current = ringLane;
    choice = { engine: 'uring', why };
  }
}
