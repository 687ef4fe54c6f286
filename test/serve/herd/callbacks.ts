import type { Connection } from 'gopark/eventloop';
import { watchTurns, work } from './gate.ts';

watchTurns();

export function onRequest(conn: Connection): void {
  work();
  conn.moveTo(conn);
  void conn.writer.flush();
}
