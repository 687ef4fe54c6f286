// gopark in the goroutine style: one async function per connection, its own buffer, straight-line code.
import { argv } from 'node:process';
import { listen, type TCPConn } from 'gopark/net';
import { runtime } from 'gopark/runtime';

const [mode, size, bufferSize] = [argv[2], Number(argv[3]), Number(argv[4])];

async function echo(conn: TCPConn): Promise<void> {
  const p = new Uint8Array(bufferSize);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
}

async function echoEach(conn: TCPConn): Promise<void> {
  const p = new Uint8Array(bufferSize);
  let have = 0;
  for (let n = await conn.read(p); n !== null; n = await conn.read(p.subarray(have))) {
    have += n;
    let at = 0;
    for (; have - at >= size; at += size) await conn.write(p.subarray(at, at + size));
    p.copyWithin(0, at, have);
    have -= at;
  }
}

// The load leaves with answers under way: resets are no news.
runtime.onError = () => {};
const listener = await listen('tcp', '127.0.0.1:0');
console.log(listener.addr.port);
await listener.serve(mode === 'echo' ? echo : echoEach);
