// One listener whose goroutines read for ever, in a loop that never waits for long; one that echoes.
import { argv } from 'node:process';
import { listen, type TCPConn } from 'gopark/net';
import { runtime } from 'gopark/runtime';

const greedy: Record<string, (conn: TCPConn) => Promise<void>> = {
  'read-4k': (conn) => drain(conn, new Uint8Array(4 * 1024)),
  'read-64k': (conn) => drain(conn, new Uint8Array(64 * 1024)),
  async 'try-read'(conn) {
    const p = new Uint8Array(4 * 1024);
    for (;;) {
      await conn.waitReadable();
      for (let n = conn.tryRead(p); n !== undefined; n = conn.tryRead(p)) if (n === null) return;
    }
  },
};

async function drain(conn: TCPConn, p: Uint8Array): Promise<void> {
  while ((await conn.read(p)) !== null);
}

async function echo(conn: TCPConn): Promise<void> {
  const p = new Uint8Array(64);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
}

runtime.onError = () => {};
const flooded = await listen('tcp', '127.0.0.1:0');
const pinged = await listen('tcp', '127.0.0.1:0');
console.log(`${flooded.addr.port} ${pinged.addr.port}`);
await Promise.all([flooded.serve(greedy[argv[2]!]!), pinged.serve(echo)]);
