import { IOError } from '../../io/index.ts';
import { type StreamConn, TCPConn } from '../../net/index.ts';

/** Closes so that the peer sees a reset, as we saw one; a Unix socket has none. */
export function reset(conn: StreamConn): void {
  try {
    if (conn instanceof TCPConn) conn.setLinger(0);
  } catch (error) {
    // Closed already, or the driver cannot: then it ends without.
    if (!(error instanceof IOError)) throw error;
  }
  conn.closeNow();
}
