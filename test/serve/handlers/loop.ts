import type { Connection } from 'gopark/eventloop';
import { proc } from 'gopark/serve';

/** The same in the other model: says which P it is, then echoes. */
export function onConnect(conn: Connection): void {
  conn.writer.writeString(`P ${proc().index}\n`);
  void conn.writer.flush();
}

export function onRequest(conn: Connection): void {
  conn.moveTo(conn);
  void conn.writer.flush();
}

export const limits = { idleTimeout: 60_000 };
