import type fs from 'node:fs';

/** Called once, from the event loop, never within the call that began the operation. Errors are Node's own. */
export type Done<T> = (error: unknown, value?: T) => void;

export type FileEngineName = 'threads' | 'uring';

/**
 * How a batch ended, in the kernel's words: the count or a negated errno of the write, and 0 or a negated errno of the
 * sync, -ECANCELED where none was tried. Called as `Done` is.
 */
export type BatchEnded = (written: number, synced: number) => void;

/**
 * How operations on files are executed. Who may begin one, in which order and how many at a time is the pool's
 * business; an operation that has begun cannot be called back.
 *
 * Descriptors are the process's, stay open until all their operations are done, and are closed by the engine that
 * has opened them: Node keeps account of its own in worker threads. A `p` or `buffers` of the caller's is in
 * use until `done` is called, and then not any more, whatever the caller did with it meanwhile.
 */
export interface FileEngine {
  readonly name: FileEngineName;
  /** The most bytes that one read or write moves. */
  readonly largestPiece: number;
  /** Whether reads and writes of a descriptor are for this engine. Asked once for each. */
  suits(fd: number): boolean;

  /** `path` is what the caller gave. */
  open(path: string | URL, flags: number, mode: number, done: Done<number>): void;
  close(fd: number, done: Done<void>): void;
  /** At most `length` bytes, into `p` from index `from` on; `position` null: where the descriptor stands. */
  read(
    fd: number,
    p: Uint8Array,
    from: number,
    length: number,
    position: number | null,
    done: Done<number>,
  ): void;
  /** At most all of `buffers`, of which none is empty; `position` null: where the descriptor stands, or appended. */
  write(fd: number, buffers: readonly Uint8Array[], position: number | null, done: Done<number>): void;
  /**
   * `write`, and if `syncs` and the kernel took all, `datasync`: where that is less than two operations. It makes no
   * garbage that survives, for whoever writes thousands of batches a second. At most `largestPiece`.
   */
  writeBatch?:
    | ((
        fd: number,
        buffers: readonly Uint8Array[],
        position: number | null,
        syncs: boolean,
        ended: BatchEnded,
      ) => void)
    | undefined;
  sync(fd: number, done: Done<void>): void;
  datasync(fd: number, done: Done<void>): void;
  /** Missing where the kernel lacks it: then threads do it. */
  truncate?(fd: number, size: number, done: Done<void>): void;
  stat(fd: number, done: Done<fs.Stats>): void;
  /** Links are followed. */
  statPath(path: string | URL, done: Done<fs.Stats>): void;
}
