// gopark in Netpoll's style: a callback for all connections, their bytes in linked blocks.
import { argv } from 'node:process';
import { type Connection, EventLoop } from 'gopark/eventloop';
import { listen } from 'gopark/net';
import { runtime } from 'gopark/runtime';

const [mode, size] = [argv[2], Number(argv[3])];

function echo(conn: Connection): void {
  conn.moveTo(conn);
  conn.flush();
}

/** One message at a time, each with a flush of its own. */
function echoEach({ reader, writer }: Connection): void {
  for (let message = reader.tryNext(size); message; message = reader.tryNext(size)) {
    writer.writeBinary(message);
    writer.flush();
  }
}

// The load leaves with answers under way: resets are no news.
runtime.onError = () => {};
const listener = await listen('tcp', '127.0.0.1:0');
console.log(listener.addr.port);
await new EventLoop({ onRequest: mode === 'echo' ? echo : echoEach }).serve(listener);
