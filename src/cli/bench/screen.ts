import { progressHeader, progressLine } from './print.ts';
import type { Progress } from './run.ts';

/** Shows what goes on, on stderr: one line that changes on a terminal, else a line a second. */
export class Screen {
  readonly #quiet: boolean;
  readonly #live = process.stderr.isTTY === true;
  #begun = false;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  progress(progress: Progress, name = ''): void {
    if (this.#quiet) return;
    if (!this.#begun) process.stderr.write(`${progressHeader()}\n`);
    this.#begun = true;
    const line = `${progressLine(progress)}${name === '' ? '' : `  ${name}`}`;
    process.stderr.write(this.#live ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** What is printed next begins a line of its own. */
  end(): void {
    if (this.#begun && this.#live) process.stderr.write('\n');
    this.#begun = false;
  }
}
