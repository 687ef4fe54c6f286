import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client on plain node:net: what the gateway says must make sense to somebody who knows nothing of gopark. */
export class LineClient {
  readonly socket: Socket;
  /** Resolves when the connection has gone, in whatever way. */
  readonly closed: Promise<void>;
  #lines: string[] = [];
  #partial = '';
  #isClosed = false;
  #wake = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    // A reset is an end like another; the tests look at what was said before.
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** `reading: false`: takes nothing from the kernel before `read()`. */
  static async connect(
    port: number,
    options: { from?: string; reading?: boolean } = {},
  ): Promise<LineClient> {
    const { from, reading = true } = options;
    const socket = connect({
      port,
      host: '127.0.0.1',
      ...(from === undefined ? {} : { localAddress: from }),
    });
    socket.pause();
    await once(socket, 'connect');
    const client = new LineClient(socket);
    if (reading) client.read();
    return client;
  }

  read(): void {
    this.socket.on('data', (bytes) => {
      const lines = (this.#partial + bytes.toString('latin1')).split('\n');
      this.#partial = lines.pop()!;
      this.#lines.push(...lines);
      this.#wake();
    });
    this.socket.resume();
  }

  send(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\n`).join(''), 'latin1');
  }

  /** The next line; throws when the connection ended without one. */
  async next(): Promise<string> {
    while (this.#lines.length === 0) {
      if (this.#isClosed)
        throw new Error(`the connection ended${this.#partial && ` after ${this.#partial}`}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift()!;
  }

  async ask(line: string): Promise<string> {
    this.send(line);
    return this.next();
  }

  /** All lines that come until the connection ends. */
  async rest(): Promise<string[]> {
    await this.closed;
    return this.#lines.splice(0);
  }

  async stats(): Promise<Record<string, number>> {
    const line = await this.ask('STATS');
    if (!line.startsWith('STATS ')) throw new Error(`expected STATS, got ${JSON.stringify(line)}`);
    const pairs = line.slice(6).split(' ');
    return Object.fromEntries(pairs.map((pair) => [pair.split('=')[0]!, Number(pair.split('=')[1])]));
  }

  /** Asks for the counters until they satisfy `enough`: what another connection caused may take a moment. */
  async statsWhen(enough: (stats: Record<string, number>) => boolean): Promise<Record<string, number>> {
    for (;;) {
      const stats = await this.stats();
      if (enough(stats)) return stats;
    }
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.closed;
  }
}
