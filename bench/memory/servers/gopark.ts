// Idle connections in gopark, each a goroutine that waits in one of three ways. All of them echo.
import { argv } from 'node:process';
import { Scanner } from 'gopark/bufio';
import { listen, type TCPConn } from 'gopark/net';
import { numGoroutine, runtime } from 'gopark/runtime';
import { report } from '../../lib/server-report.ts';

const shared = new Uint8Array(64 * 1024);
const newline = new Uint8Array([10]);

const shapes: Record<string, (conn: TCPConn) => Promise<void>> = {
  async wait(conn) {
    for (;;) {
      await conn.waitReadable();
      for (let n = conn.tryRead(shared); n !== undefined; n = conn.tryRead(shared)) {
        if (n === null) return;
        await conn.write(shared.subarray(0, n));
      }
    }
  },
  async read(conn) {
    const p = Buffer.allocUnsafe(64);
    for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
  },
  async scanner(conn) {
    const scanner = new Scanner(conn);
    while (await scanner.scan()) {
      await conn.write(scanner.bytes());
      await conn.write(newline);
    }
  },
};

runtime.onError = () => {};
const listener = await listen('tcp', '127.0.0.1:0');
void listener.serve(shapes[argv[2]!]!);
await report(listener.addr.port, numGoroutine);
