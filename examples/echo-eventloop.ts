// An echo server on the event loop: what comes goes back, large pieces without a copy.
//   node build/examples/echo-eventloop.js 127.0.0.1:7000
import { EventLoop } from 'gopark/eventloop';
import { listen } from 'gopark/net';

const loop = new EventLoop({
  onRequest(conn) {
    conn.moveTo(conn);
    // Nobody has to wait: it is not called again before this has gone.
    conn.flush();
  },
  idleTimeout: 60_000,
});

const listener = await listen('tcp', process.argv[2] ?? '127.0.0.1:7000');
console.log(`echo on ${listener.addr}`);
process.once('SIGINT', async () => {
  const open = loop.connections;
  console.log(`${await loop.shutdown({ timeout: 3000 })} of ${open} connections cut off`);
});
await loop.serve(listener);
