// gopark in Netpoll's style: a callback for all connections, their bytes in linked blocks.
import type { Connection } from 'gopark/eventloop';
import type { Arguments, Mode } from './arguments.ts';

function echo(conn: Connection): void {
  conn.moveTo(conn);
  conn.flush();
}

/** One message at a time, each with a flush of its own. */
function echoEach({ reader, writer }: Connection, { size }: Arguments): void {
  for (let message = reader.tryNext(size); message; message = reader.tryNext(size)) {
    writer.writeBinary(message);
    writer.flush();
  }
}

function echoLines({ reader, writer }: Connection): void {
  for (let line = reader.tryUntil('\n'); line; line = reader.tryUntil('\n')) writer.writeBinary(line);
  writer.flush();
}

const callbacks: Record<Mode, (conn: Connection, arguments_: Arguments) => void> = {
  echo,
  'per-message': echoEach,
  lines: echoLines,
};

export function callbackFor(arguments_: Arguments): (conn: Connection) => void {
  const callback = callbacks[arguments_.mode];
  return (conn) => callback(conn, arguments_);
}
