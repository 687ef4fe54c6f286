import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { onCore, type Side } from './pinning.ts';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// Their default would end us without that.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** A process that talks to us in lines. */
export class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(side: Side, command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [file, ...args] = onCore(side, command);
    this.#name = command.join(' ');
    this.#process = spawn(file!, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      // Contenders share cores: one that had to wait for its turn has not held its event loop.
      env: { GOPARK_HOLD_LIMIT: '0', ...process.env, ...env },
    });
    running.add(this.#process);
    this.#process.on('exit', () => running.delete(this.#process));
    this.#process.on('error', (error) => console.error(error));
    // A child that has gone is noticed where its next line is missing.
    this.#process.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** The next line it writes. `patience`: milliseconds, then it is ended, as one that hangs. */
  async line(patience?: number): Promise<string> {
    const timer =
      patience === undefined ? undefined : setTimeout(() => this.#process.kill('SIGKILL'), patience);
    const { value, done } = await this.#lines.next();
    clearTimeout(timer);
    if (done) throw new Error(`${this.#name} ended early (${this.#process.exitCode})`);
    return value;
  }

  async expect(line: string): Promise<void> {
    const found = await this.line();
    if (found !== line) throw new Error(`${this.#name}: "${line}" expected, found "${found}"`);
  }

  say(line: string): void {
    this.#process.stdin!.write(`${line}\n`);
  }

  /** Nothing more will be said to it. */
  close(): void {
    this.#process.stdin!.end();
  }

  /** Waits until it ends by itself; after so many milliseconds it is made to. */
  async ended(patience: number): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), patience);
    await new Promise((resolve) => this.#process.once('exit', resolve));
    clearTimeout(timer);
  }

  /** Ends it by closing its input where it looks at that, by a signal where not. */
  async stop(how: 'input' | 'signal' = 'signal'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (how === 'input') this.#process.stdin!.end();
    else this.#process.kill('SIGKILL');
    await ended;
  }
}
