import { checkCount } from '../io/arguments.ts';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import type { Limits, WritePolicy } from './host.ts';

/**
 * Times and marks of connections of the event loop, accepted or dialled.
 *
 * @example
 * ```ts
 * import { type ConnectionLimits, EventLoop } from 'gopark/eventloop';
 *
 * const limits: ConnectionLimits = { idleTimeout: 60_000, writeTimeout: 10_000, readHighWater: 64 * 1024 };
 * const loop = new EventLoop({ ...limits, onRequest: (conn) => conn.moveTo(conn) });
 * ```
 */
export interface ConnectionLimits {
  /** How long one call of the reading side may wait, in milliseconds: then it rejects. Default: as long as it takes. */
  readTimeout?: number;
  /**
   * How long what was flushed or written may wait for the peer, in milliseconds: then the call rejects and the
   * connection is closed, for nobody else may look. Default: as long as it takes.
   */
  writeTimeout?: number;
  /**
   * A connection on which nothing has come or gone for so long, in milliseconds, and whose handler is not at work, is
   * closed. May strike up to a sixteenth later. Default: never.
   */
  idleTimeout?: number;
  /**
   * Reading stops when so many bytes are held: unread, or lent and not released. Default 256 KiB, at least 8 KiB. Who
   * waits for more in one piece, or `expect`s it, gets it nevertheless.
   */
  readHighWater?: number;
  /** Reading begins again when no more than this is held. Default: half of `readHighWater`. */
  readLowWater?: number;
  /** How many flushed bytes may wait for a peer that does not read them. Default 1 MiB. */
  writeHighWater?: number;
  /**
   * What happens beyond that. 'wait' (default): `flush` settles when the bytes have gone, and the handler is not
   * called meanwhile. 'close', 'error': `flush` never waits, and the next one beyond the mark closes the connection,
   * or rejects with WriteBufferFullError and drops what it should have sent. See docs/eventloop.md.
   */
  whenFull?: WritePolicy;
  /** Keep the connection after the peer has ended its stream, until it is closed here. Default false. */
  halfOpen?: boolean;
}

const policies: readonly WritePolicy[] = ['wait', 'close', 'error'];
const SMALLEST_MARK = 8 * 1024;

function time(name: string, value: number | undefined): number {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return 0;
  if (typeof value !== 'number' || !(value > 0)) {
    throw new ArgumentRangeError(name, 'milliseconds above 0, or Infinity', value);
  }
  return value;
}

/** With the defaults filled in. */
export function limitsOf(options: ConnectionLimits): Limits {
  const {
    readHighWater = 256 * 1024,
    writeHighWater = 1024 * 1024,
    whenFull = 'wait',
    halfOpen = false,
  } = options;
  checkCount(readHighWater, 'readHighWater', SMALLEST_MARK);
  const readLowWater = options.readLowWater ?? Math.floor(readHighWater / 2);
  checkCount(readLowWater, 'readLowWater', 0);
  if (readLowWater > readHighWater) {
    throw new ArgumentRangeError('readLowWater', `at most readHighWater (${readHighWater})`, readLowWater);
  }
  checkCount(writeHighWater, 'writeHighWater', 1);
  if (!policies.includes(whenFull)) {
    throw new ArgumentTypeError('whenFull', `one of ${policies.join(', ')}`, whenFull);
  }
  if (typeof halfOpen !== 'boolean') throw new ArgumentTypeError('halfOpen', 'a boolean', halfOpen);
  return {
    readTimeout: time('readTimeout', options.readTimeout),
    writeTimeout: time('writeTimeout', options.writeTimeout),
    idleTimeout: time('idleTimeout', options.idleTimeout),
    readHighWater,
    readLowWater,
    writeHighWater,
    whenFull,
    halfOpen,
  };
}
