import { chmodSync, linkSync, mkdtempSync, rmdirSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/** The longest path that every system with such sockets takes. */
const LONGEST = 103;

/**
 * Where a socket is bound before it has its path. Node unlinks the path that it was told when it closes a listener,
 * whatever stands there by then, and makes it with the permissions that the umask leaves. So it is told one in a
 * directory that nobody else may enter, and the socket gets its own path when everything is right: by a hard link,
 * which never replaces what is there.
 */
export class PrivatePath {
  readonly path: string;
  readonly #folder: string;
  readonly #wanted: string;
  readonly #mode: number;

  /** @throws as the file system does; `ENAMETOOLONG` where no room is left for the way through the directory. */
  constructor(wanted: string, mode: number) {
    const beside = join(dirname(wanted), '.');
    if (Buffer.byteLength(beside) + 10 > LONGEST) {
      throw Object.assign(new Error(`no room for a private directory beside ${wanted}`), {
        errno: -constants.errno.ENAMETOOLONG,
      });
    }
    this.#wanted = wanted;
    this.#mode = mode;
    this.#folder = mkdtempSync(`${beside}/.`);
    this.path = `${this.#folder}/s`;
  }

  /** The socket listens: from here on at its own path. */
  publish(): void {
    if (this.#mode >= 0) chmodSync(this.path, this.#mode);
    try {
      linkSync(this.path, this.#wanted);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw code === 'EEXIST' ? Object.assign(new Error(), { errno: -constants.errno.EADDRINUSE }) : error;
    }
    unlinkSync(this.path);
  }

  /** It is over, either way. */
  done(): void {
    rmdirSync(this.#folder);
  }
}
