import { EventLoop } from 'gopark/eventloop';
import { limits } from './limits.ts';
import { type Handler, Session } from './session.ts';

/** An event loop whose connections speak HTTP/1.1; `handler` answers each request. */
export function httpLoop(handler: Handler): EventLoop {
  return new EventLoop({
    halfOpen: true,
    idleTimeout: limits.idleTime,
    onPrepare(conn) {
      const session = new Session(conn, handler);
      conn.context = session;
      conn.addCloseCallback(() => session.ended());
    },
    onRequest(conn) {
      (conn.context as Session).receive();
    },
    onDisconnect(conn) {
      (conn.context as Session).receive();
    },
  });
}
