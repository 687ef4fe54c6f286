import type { StreamConn } from '../../net/index.ts';
import { type Hello, LONGEST_HELLO, parseClientHello } from './client-hello.ts';

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
  let bytes: Uint8Array = new Uint8Array(0);
  for (;;) {
    const n = conn.tryRead(scratch.subarray(0, LONGEST_HELLO - bytes.length));
    if (n === undefined) {
      await conn.waitReadable();
      continue;
    }
    if (n !== null) {
      const longer = new Uint8Array(bytes.length + n);
      longer.set(bytes);
      longer.set(scratch.subarray(0, n), bytes.length);
      bytes = longer;
    }
    const hello = parseClientHello(bytes);
    if (hello.kind !== 'more' || n === null) {
      conn.setReadTimeout(null);
      return { bytes, hello: hello.kind === 'more' ? { kind: 'other', reason: 'it ended early' } : hello };
    }
  }
}
