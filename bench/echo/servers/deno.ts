// Deno's own API: an async function per connection, straight-line code. Runs in Deno.
import { report } from '../../lib/server-report.ts';
import { serverArguments } from './arguments.ts';
import { Lines, Messages } from './messages.ts';

/** What of Deno's interface is used here. */
interface DenoConn {
  read(p: Uint8Array): Promise<number | null>;
  write(p: Uint8Array): Promise<number>;
  setNoDelay(on: boolean): void;
  close(): void;
}
declare const Deno: {
  listen(options: { hostname: string; port: number }): {
    accept(): Promise<DenoConn>;
    readonly addr: { readonly port: number };
  };
  readonly errors: { readonly NotConnected: new () => Error };
};

const { mode, size, buffer } = serverArguments();
let open = 0;

async function writeAll(conn: DenoConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length; ) sent += await conn.write(bytes.subarray(sent));
}

async function serve(conn: DenoConn): Promise<void> {
  const p = Buffer.alloc(buffer);
  const messages = new Messages(size);
  const lines = new Lines();
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
    const chunk = p.subarray(0, n);
    if (mode === 'echo') {
      await writeAll(conn, chunk);
    } else if (mode === 'lines') {
      const whole = lines.in(chunk);
      if (whole !== null) await writeAll(conn, whole);
    } else {
      for (const message of messages.of(Buffer.from(chunk))) await writeAll(conn, message);
    }
  }
}

const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 });
void report(listener.addr.port, () => open);

/** Null: it was reset before Deno could ask for its address, which would end a `for await`. */
async function accept(): Promise<DenoConn | null> {
  try {
    return await listener.accept();
  } catch (error) {
    if (error instanceof Deno.errors.NotConnected) return null;
    throw error;
  }
}

for (;;) {
  const conn = await accept();
  if (conn === null) continue;
  open++;
  conn.setNoDelay(true);
  serve(conn)
    .catch(() => {}) // the load resets its connections
    .finally(() => {
      open--;
      conn.close();
    });
}
