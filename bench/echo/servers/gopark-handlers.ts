// gopark in the goroutine style: one async function per connection, its own buffer, straight-line code.
import { Reader, Writer } from 'gopark/bufio';
import type { Conn } from 'gopark/net';
import type { Arguments, Mode } from './arguments.ts';

async function echo(conn: Conn, { buffer }: Arguments): Promise<void> {
  const p = new Uint8Array(buffer);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
}

async function echoEach(conn: Conn, { buffer, size }: Arguments): Promise<void> {
  const p = new Uint8Array(buffer);
  let have = 0;
  for (let n = await conn.read(p); n !== null; n = await conn.read(p.subarray(have))) {
    have += n;
    let at = 0;
    for (; have - at >= size; at += size) await conn.write(p.subarray(at, at + size));
    p.copyWithin(0, at, have);
    have -= at;
  }
}

/** As Go's: the answers to all lines that are at hand leave together, before the next wait. */
async function echoLines(conn: Conn, { buffer }: Arguments): Promise<void> {
  const reader = new Reader(conn, buffer);
  const writer = new Writer(conn, buffer);
  for (;;) {
    let line = reader.tryReadSlice('\n');
    if (line === undefined) {
      await writer.flush();
      line = await reader.readSlice('\n');
    }
    if (line === null) break;
    if (!writer.tryWrite(line)) await writer.write(line);
  }
  await writer.flush();
}

const handlers: Record<Mode, (conn: Conn, arguments_: Arguments) => Promise<void>> = {
  echo,
  'per-message': echoEach,
  lines: echoLines,
};

export function handlerFor(arguments_: Arguments): (conn: Conn) => Promise<void> {
  const handler = handlers[arguments_.mode];
  return (conn) => handler(conn, arguments_);
}
