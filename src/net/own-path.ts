import { lstatSync, unlinkSync } from 'node:fs';
import { resolve } from 'node:path';

/** A path that this process has made: removed by who made it, and only while it is the same file. */
export class OwnPath {
  readonly #path: string;
  readonly #device: bigint;
  readonly #inode: bigint;

  /** To be made right behind `bind`: what stands at the path now is ours. */
  constructor(path: string) {
    const { dev, ino } = lstatSync(path, { bigint: true });
    // The working directory may be another one by then.
    this.#path = resolve(path);
    this.#device = dev;
    this.#inode = ino;
  }

  /** Somebody may have put another file there, or removed it: that is theirs. */
  remove(): void {
    const found = lstatSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (found?.ino === this.#inode && found.dev === this.#device) unlinkSync(this.#path);
  }
}
