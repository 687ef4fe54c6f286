// gopark in the goroutine style: one async function per connection, its own buffer, straight-line code.
import { Scanner } from 'gopark/bufio';
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

async function echoLines(conn: Conn, { buffer }: Arguments): Promise<void> {
  const scanner = new Scanner(conn);
  const answer = new Uint8Array(buffer);
  while (scanner.tryScan() ?? (await scanner.scan())) {
    const line = scanner.bytes();
    answer.set(line);
    answer[line.length] = 10;
    await conn.write(answer.subarray(0, line.length + 1));
  }
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
