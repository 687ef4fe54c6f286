import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * An address where connecting hangs: the listener's process sleeps and its backlog is full, so the kernel drops what
 * comes. `release` wakes it up: then it accepts whatever the kernel tries again.
 */
export class BlackHole implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #fillers: Socket[] = [];

  private constructor(host: string, port: number, process: ChildProcess) {
    this.host = host;
    this.port = port;
    this.#process = process;
  }

  static async open(host: string, port = 0): Promise<BlackHole> {
    const code = `require('node:net').createServer((socket) => socket.on('error', () => {}))
      .listen({ host: ${JSON.stringify(host)}, port: ${port}, backlog: 1 }, function () { console.log(this.address().port); });`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(child.stdout!, 'data');
    child.kill('SIGSTOP');
    const hole = new BlackHole(host, Number(String(line).trim()), child);
    await hole.#fill();
    return hole;
  }

  async #fill(): Promise<void> {
    for (let connected = true; connected; ) {
      const filler = connect(this.port, this.host);
      filler.on('error', () => {});
      this.#fillers.push(filler);
      connected = await Promise.race([
        once(filler, 'connect').then(() => true),
        new Promise<false>((resolve) => setTimeout(resolve, 200, false)),
      ]);
    }
  }

  release(): void {
    for (const filler of this.#fillers) filler.destroy();
    this.#process.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}
