import type { Conn } from './conn.ts';

/**
 * Calls `then` once this end of a connection has been closed, in whatever way: with `close` when that is through,
 * with `closeNow` at once.
 */
export function whenClosed(conn: Conn, then: () => void): void {
  const { close, closeNow } = conn;
  let told = false;
  const tell = () => {
    if (told) return;
    told = true;
    then();
  };
  // On this one object: its class and all that it can do beside Conn stay.
  conn.close = () => {
    const closing = close.call(conn);
    closing.then(tell, tell);
    return closing;
  };
  conn.closeNow = () => {
    closeNow.call(conn);
    tell();
  };
}
