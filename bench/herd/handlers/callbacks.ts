// Loaded in each P.
import type { Connection } from 'gopark/eventloop';
import { watchTimers, work } from './gate.ts';

watchTimers();

export function onRequest(conn: Connection): void {
  work();
  conn.moveTo(conn);
  void conn.writer.flush();
}
