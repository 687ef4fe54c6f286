import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Scanner } from 'gopark/bufio';
import { dial, type StreamConn } from 'gopark/net';
import { type ServeOptions, type Server, serve } from 'gopark/serve';

/** Other threads need the processor for what is waited for: so no look in every turn. */
export async function eventually(look: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !look(); waited += 10) {
    assert.ok(waited < 60_000, `waited for: ${what}`);
    await delay(10);
  }
}

/** A client that talks in lines. */
export class Client {
  readonly conn: StreamConn;
  readonly #lines: AsyncIterator<string>;

  private constructor(conn: StreamConn) {
    this.conn = conn;
    this.#lines = new Scanner(conn)[Symbol.asyncIterator]();
  }

  static async at(address: string): Promise<Client> {
    const conn = address.startsWith('/') ? await dial('unix', address) : await dial('tcp', address);
    return new Client(conn);
  }

  /** null: the end. */
  async line(): Promise<string | null> {
    const { value, done } = await this.#lines.next();
    return done ? null : value;
  }

  async ask(line: string): Promise<string | null> {
    await this.conn.write(Buffer.from(`${line}\n`));
    return this.line();
  }
}

/** A server with two Ps, unless told otherwise, for as long as the test takes. */
export async function started(
  t: TestContext,
  options: Partial<ServeOptions> & Pick<ServeOptions, 'handler'>,
): Promise<Server> {
  const server = await serve({ listen: 'tcp://127.0.0.1:0', procs: 2, ...options });
  t.after(() => server.shutdown({ timeout: 0 }));
  return server;
}
