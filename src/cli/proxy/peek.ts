import type { StreamConn } from '../../net/index.ts';
import { ClientHelloReader, type Hello, LONGEST_HELLO } from './client-hello.ts';

/** The first bytes of a connection: they have been read, and must go where the rest goes. */
export interface Beginning {
  readonly bytes: Uint8Array;
  readonly hello: Exclude<Hello, { kind: 'more' }>;
}

/** Filled and copied from in one go. */
const scratch = new Uint8Array(LONGEST_HELLO);

/**
 * Reads until the ClientHello is whole, or can be none, at most LONGEST_HELLO bytes, and for `timeout` milliseconds.
 *
 * @throws DeadlineExceededError or OpError, as rejections
 */
export async function peekClientHello(conn: StreamConn, timeout: number): Promise<Beginning> {
  conn.setReadTimeout(timeout);
  const reader = new ClientHelloReader();
  let bytes = new Uint8Array(0);
  let length = 0;
  for (;;) {
    const n = conn.tryRead(scratch.subarray(0, LONGEST_HELLO - length));
    if (n === undefined) {
      await conn.waitReadable();
      continue;
    }
    const piece = scratch.subarray(0, n ?? 0);
    if (length + piece.length > bytes.length) {
      // Twice as much at least: who sends byte by byte is not copied for each of them.
      const larger = new Uint8Array(
        length === 0 ? piece.length : Math.max(length + piece.length, 2 * length),
      );
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(piece, length);
    length += piece.length;
    const hello = n === null ? null : reader.take(piece);
    if (hello?.kind === 'more') continue;
    conn.setReadTimeout(null);
    return { bytes: bytes.subarray(0, length), hello: hello ?? { kind: 'other', reason: 'it ended early' } };
  }
}
