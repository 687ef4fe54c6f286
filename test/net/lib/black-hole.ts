import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { until } from '../../lib/waiting.ts';

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
    // Only once it sleeps it accepts nothing for sure.
    await until(() => / T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8')), 'the process to stop');
    const hole = new BlackHole(host, Number(String(line).trim()), child);
    await hole.#fill();
    return hole;
  }

  /** A backlog of one takes two connections; what comes then is dropped. */
  async #fill(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      const filler = connect(this.port, this.host);
      filler.on('error', () => {});
      this.#fillers.push(filler);
      await once(filler, 'connect');
    }
  }

  /** How many sockets try to connect to this port, on this or another address. */
  get connecting(): number {
    const port = this.port.toString(16).toUpperCase().padStart(4, '0');
    const SYN_SENT = '02';
    return readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , remote, state]) => remote?.endsWith(`:${port}`) && state === SYN_SENT).length;
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
