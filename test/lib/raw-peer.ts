import { once } from 'node:events';
import { type AddressInfo, createServer, connect as nodeConnect, type Server, type Socket } from 'node:net';
import { dial, listen, type TCPConn, type TCPOptions } from 'gopark/net';

/** One of our connections and, at its other end, a socket of Node's that does as told: stall, reset, half close. */
export interface RawPair {
  readonly conn: TCPConn;
  readonly raw: Socket;
}

/** We dial, Node accepts. */
export async function dialRaw(options: TCPOptions = {}): Promise<RawPair> {
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [[raw], conn] = await Promise.all([
    once(server, 'connection') as Promise<[Socket]>,
    dial('tcp', `127.0.0.1:${port}`, options),
  ]);
  raw.on('error', () => {});
  server.close();
  return { conn, raw };
}

/** Node dials, we accept. */
export async function acceptRaw(options: TCPOptions = {}): Promise<RawPair> {
  const listener = await listen('tcp', '127.0.0.1:0', options);
  const raw = nodeConnect({ host: '127.0.0.1', port: listener.addr.port, allowHalfOpen: true });
  raw.on('error', () => {});
  raw.pause();
  const conn = await listener.accept();
  if (raw.connecting) await once(raw, 'connect');
  await listener.close();
  return { conn, raw };
}

const WATCHDOG = 15_000;

/** Runs `use` and puts both ends away. */
export async function withRaw(
  pair: Promise<RawPair>,
  use: (conn: TCPConn, raw: Socket) => Promise<void>,
): Promise<void> {
  const { conn, raw } = await pair;
  // A test that hangs must not keep its file waiting.
  const watchdog = setTimeout(() => {
    conn.closeNow();
    raw.destroy();
  }, WATCHDOG).unref();
  try {
    await use(conn, raw);
  } finally {
    clearTimeout(watchdog);
    conn.closeNow();
    raw.destroy();
  }
}

/** All that the raw end receives until the other side ends or resets. */
export async function collect(raw: Socket): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  raw.on('data', (part) => parts.push(part));
  raw.resume();
  if (!raw.readableEnded && !raw.destroyed) {
    await new Promise<void>((resolve) => {
      raw.once('end', resolve);
      raw.once('close', () => resolve());
    });
  }
  return new Uint8Array(Buffer.concat(parts));
}
