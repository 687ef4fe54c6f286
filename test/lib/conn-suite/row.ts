import type { Conn } from 'gopark/net';

/** What not every kind of connection has; a row says which it needs. */
export type ConnCapability =
  /** A write settles without a reader at the other end: there is a send buffer. */
  | 'buffered'
  /** Linux sockets: what was sent before the end arrives, with megabytes in kernel buffers. */
  | 'socket';

/** Declares one test of a pair of connections. */
export type Row = (
  title: string,
  run: (a: Conn, b: Conn) => Promise<void>,
  needs?: readonly ConnCapability[],
) => void;

export const PAST = new Date(0);
export const HUGE = 64 * 1024 * 1024;
let hugeBuffer: Uint8Array | null = null;

/** More than the buffers of any connection take. Shared: never write into it. */
export function huge(): Uint8Array {
  hugeBuffer ??= new Uint8Array(HUGE);
  return hugeBuffer;
}
