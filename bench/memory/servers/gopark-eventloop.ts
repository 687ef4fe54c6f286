// Idle connections on gopark's event loop. They echo.
import { EventLoop } from 'gopark/eventloop';
import { listen } from 'gopark/net';
import { runtime } from 'gopark/runtime';
import { report } from '../../lib/server-report.ts';

runtime.onError = () => {};
const loop = new EventLoop({
  onRequest(conn) {
    conn.moveTo(conn);
    conn.flush();
  },
});
const listener = await listen('tcp', '127.0.0.1:0');
void loop.serve(listener);
await report(listener.addr.port, () => loop.connections);
