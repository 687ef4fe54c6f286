import { type OpDetails, OpError } from '../net/errors.ts';

/**
 * More than `limit` bytes wait to be sent on a connection of the event loop whose policy for that is 'error' or
 * 'close', or several times as much where nobody waited although the policy is 'wait'. With 'error' nothing of the
 * flush that failed is sent; otherwise the connection is closed for it.
 *
 * @example
 * ```ts
 * import { type Connection, WriteBufferFullError } from 'gopark/eventloop';
 *
 * async function publish(conn: Connection, message: Uint8Array): Promise<void> {
 *   conn.writer.writeBinary(message);
 *   await conn.writer.flush().catch((error: unknown) => {
 *     if (error instanceof WriteBufferFullError) console.log(`${conn.remoteAddr} misses a message`);
 *   });
 * }
 * ```
 */
export class WriteBufferFullError extends OpError {
  readonly limit: number;

  constructor(limit: number, details: OpDetails) {
    super(
      'ERR_WRITE_BUFFER_FULL',
      `more than ${limit} bytes wait for a peer that does not read them`,
      details,
    );
    this.limit = limit;
  }
}

/**
 * The event loop is shut down, or serves this listener already.
 *
 * @example
 * ```ts
 * import { EventLoop, EventLoopError } from 'gopark/eventloop';
 * import { listen } from 'gopark/net';
 *
 * const loop = new EventLoop({ onRequest: (conn) => conn.moveTo(conn) });
 * await loop.shutdown();
 * await loop.serve(await listen('tcp', '127.0.0.1:0')).catch((error) => console.log(error instanceof EventLoopError));
 * ```
 */
export class EventLoopError extends Error {
  /** `ERR_LOOP_CLOSED` or `ERR_ALREADY_SERVED`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'EventLoopError';
    this.code = code;
  }
}
