import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Where the reply at `at` ends; -1: it has not come wholly. */
function endOf(bytes: Buffer, at: number): number {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return -1;
  const sign = String.fromCharCode(bytes[at]!);
  const count = Number(bytes.toString('latin1', at + 1, line));
  if (sign === '$' || sign === '=') {
    const end = count < 0 ? line + 2 : line + 2 + count + 2;
    return end <= bytes.length ? end : -1;
  }
  if (!'*~>%'.includes(sign)) return line + 2;
  let end = line + 2;
  for (let i = 0; i < (sign === '%' ? count * 2 : count); i++) {
    end = endOf(bytes, end);
    if (end < 0) return -1;
  }
  return end;
}

export function encode(args: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** A client that knows nothing but where replies end: what the server says comes as it was sent. */
export class RawClient {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #waiting: (() => void) | null = null;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const wake = () => {
      this.#waiting?.();
      this.#waiting = null;
    };
    socket.on('data', (bytes: Buffer<ArrayBuffer>) => {
      this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
      wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      wake();
    });
    // A server that ends the connection is what some tests wait for.
    socket.on('error', () => {});
  }

  static async connect(where: { port: number } | { path: string }): Promise<RawClient> {
    const socket = connect(where);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawClient(socket);
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next reply, in latin1; null: the server has ended the connection. */
  async reply(): Promise<string | null> {
    for (;;) {
      const end = this.#bytes.length === 0 ? -1 : endOf(this.#bytes, 0);
      if (end >= 0) {
        const text = this.#bytes.toString('latin1', 0, end);
        this.#bytes = this.#bytes.subarray(end);
        return text;
      }
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  async call(...args: (string | Buffer)[]): Promise<string | null> {
    this.send(encode(args));
    return await this.reply();
  }

  /** Everything until the server ends the connection. */
  async rest(): Promise<string> {
    while (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.#bytes.toString('latin1');
  }

  pause(): void {
    this.#socket.pause();
  }

  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }
}
