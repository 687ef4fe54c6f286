import type { Connection } from '../../eventloop/index.ts';
import { OpError } from '../../net/index.ts';

/** How long a peer may take to read the last reply and close, in milliseconds. */
const PATIENCE = 1000;
/** How much of what it still sends is read and forgotten. */
const MOST_BYTES = 1 << 20;

const discarded = new Uint8Array(64 * 1024);

/**
 * Ends a connection whose peer is still sending so that it gets what was written last: closing with bytes unread
 * makes the kernel send a reset, which overtakes the reply. Bounded in time and bytes. The caller closes.
 */
export async function lingeringClose(conn: Connection): Promise<void> {
  try {
    conn.setTimeout(PATIENCE);
    await conn.closeWrite();
    for (let total = 0; total < MOST_BYTES; ) {
      await conn.waitReadable();
      for (let n = conn.tryRead(discarded); n !== undefined; n = conn.tryRead(discarded)) {
        if (n === null) return;
        total += n;
      }
    }
  } catch (error) {
    // Out of patience, or the peer has gone: all that can be done has been done.
    if (!(error instanceof OpError)) throw error;
  }
}
