import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { kernelMemory } from '#dist/os/cached-read.js';
import type { FileEngine } from '#dist/os/file-engine.js';
import { fileLane } from '#dist/os/lanes.js';
import { EAGAIN } from '#dist/poll/errno.js';

/** A directory that goes with the test. */
export function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'gopark-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Why no FIFO can be made; false: it can. */
export const noFifo: string | false =
  spawnSync('mkfifo', ['--version']).error !== undefined && 'there is no mkfifo';

/** A FIFO that nobody has open. */
export function fifoIn(directory: string): string {
  const path = join(directory, 'fifo');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  return path;
}

type Callback = (...results: unknown[]) => void;
type Operation = {
  [Name in keyof FileEngine]-?: NonNullable<FileEngine[Name]> extends (...args: never[]) => void
    ? Name
    : never;
}[Exclude<keyof FileEngine, 'suits' | 'writeBatch'>];

/** One operation whose answer the test holds back. */
export interface HeldCall {
  readonly name: Operation;
  readonly args: unknown[];
  /** It goes on: with what it really gives, or with an error instead. */
  release(error?: Error): void;
}

/**
 * Puts itself between the pool and the engine: operations of `names` do not begin before the test lets them. A disk
 * that hangs, without a disk that hangs.
 */
export class SlowDisk {
  readonly held: HeldCall[] = [];
  #wake = () => {};

  constructor(t: TestContext, names: readonly Operation[]) {
    const { engine } = fileLane();
    // One operation that is two: here it is two.
    if (names.includes('write') || names.includes('datasync')) {
      const before = Object.getOwnPropertyDescriptor(engine, 'writeBatch');
      Object.defineProperty(engine, 'writeBatch', { value: undefined, configurable: true });
      t.after(() => {
        Reflect.deleteProperty(engine, 'writeBatch');
        if (before !== undefined) Object.defineProperty(engine, 'writeBatch', before);
      });
    }
    if (names.includes('read')) t.mock.method(kernelMemory, 'read', () => -EAGAIN);
    for (const name of names) {
      const real = engine[name] as unknown as (...args: unknown[]) => void;
      const slow = (...args: unknown[]) => {
        const callback = args.at(-1) as Callback;
        const release = (error?: Error) => {
          this.held.splice(this.held.indexOf(call), 1);
          if (error === undefined) real.apply(engine, args);
          else setImmediate(callback, error);
        };
        const call = { name, args, release };
        this.held.push(call);
        this.#wake();
      };
      t.mock.method(engine, name, slow as never);
    }
  }

  /** The oldest call that is held; waits for one. */
  async next(): Promise<HeldCall> {
    while (this.held.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.held[0]!;
  }

  releaseAll(): void {
    for (const call of this.held.slice()) call.release();
  }
}
