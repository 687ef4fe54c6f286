import { constants } from 'node:fs';
import { File } from './file.ts';

/**
 * The standard input. Who reads it parks, and the process stays alive as long; nothing is read before somebody
 * reads. A pipe or terminal is opened once more, so that it does not become non-blocking for others; a regular file
 * is read where the parent left off. `close` ends its use here, the descriptor 0 stays open. Use either this or
 * `process.stdin`. Go: `os.Stdin`.
 *
 * @example
 * ```ts
 * import { Scanner } from 'gopark/bufio';
 * import { stdin } from 'gopark/os';
 *
 * for await (const line of new Scanner(stdin)) console.log(line.length);
 * ```
 */
export const stdin: File = new File('/dev/stdin', 0, constants.O_RDONLY, true);

/**
 * The standard output: `write` parks where a pipe is full or a terminal stopped, and never blocks the event loop, as
 * `console.log` does. The two may be mixed; each write is whole. Go: `os.Stdout`.
 *
 * @example
 * ```ts
 * import { copy } from 'gopark/io';
 * import { open, stdout } from 'gopark/os';
 *
 * await copy(stdout, await open('package.json'));
 * ```
 */
export const stdout: File = new File('/dev/stdout', 1, constants.O_WRONLY, true);

/**
 * The standard error; like `stdout`. Go: `os.Stderr`.
 *
 * @example
 * ```ts
 * import { writeString } from 'gopark/io';
 * import { stderr } from 'gopark/os';
 *
 * await writeString(stderr, 'nothing to do\n');
 * ```
 */
export const stderr: File = new File('/dev/stderr', 2, constants.O_WRONLY, true);
